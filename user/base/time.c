/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "base/time.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

uint64_t time_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

static char *put_digits(char *p, uint64_t v, int n, char after)
{
	for (int i = n; i-- > 0; v /= 10)
		p[i] = (char)('0' + v % 10);
	p[n] = after;
	return p + n + 1;
}

void time_format(uint64_t ns, char out[TIME_TEXT])
{
	time_t seconds = (time_t)(ns / NS_PER_SEC);
	struct tm tm;
	char *p = out;

	gmtime_r(&seconds, &tm);
	p = put_digits(p, (uint64_t)tm.tm_year + 1900, 4, '-');
	p = put_digits(p, (uint64_t)tm.tm_mon + 1, 2, '-');
	p = put_digits(p, (uint64_t)tm.tm_mday, 2, 'T');
	p = put_digits(p, (uint64_t)tm.tm_hour, 2, ':');
	p = put_digits(p, (uint64_t)tm.tm_min, 2, ':');
	p = put_digits(p, (uint64_t)tm.tm_sec, 2, '.');
	p = put_digits(p, ns % NS_PER_SEC, 9, 'Z');
	*p = '\0';
}

/* Exactly `n` digits and then, unless it is NUL, the character `after`; moves `p` behind them. */
static bool take(const char **p, int n, char after, int *ret)
{
	int v = 0;

	for (; n > 0; n--, (*p)++) {
		if (!isdigit((unsigned char)**p))
			return false;
		v = v * 10 + (**p - '0');
	}
	*ret = v;
	return !after || toupper((unsigned char)*(*p)++) == after;
}

static bool take_fraction(const char **p, uint64_t *ret_ns)
{
	uint64_t unit = NS_PER_SEC / 10;

	*ret_ns = 0;
	if (**p != '.')
		return true;
	for (++*p; isdigit((unsigned char)**p); ++*p, unit /= 10)
		*ret_ns += (uint64_t)(**p - '0') * unit;
	return isdigit((unsigned char)(*p)[-1]);
}

static bool take_offset(const char **p, int *ret_seconds)
{
	char sign = (char)toupper((unsigned char)**p);
	int h, m;

	*ret_seconds = 0;
	if (!sign)
		return false;
	++*p;
	if (sign == 'Z')
		return true;
	if ((sign != '+' && sign != '-') || !take(p, 2, ':', &h) || !take(p, 2, '\0', &m) ||
	    h > 23 || m > 59)
		return false;
	*ret_seconds = (h * 60 + m) * (sign == '-' ? -60 : 60);
	return true;
}

int time_parse(const char *text, uint64_t *ret_ns)
{
	const char *p = text;
	struct tm tm = {};
	uint64_t ns;
	int64_t seconds;
	int offset, month, leap;

	if (!take(&p, 4, '-', &tm.tm_year) || !take(&p, 2, '-', &tm.tm_mon) ||
	    !take(&p, 2, 'T', &tm.tm_mday) || !take(&p, 2, ':', &tm.tm_hour) ||
	    !take(&p, 2, ':', &tm.tm_min) || !take(&p, 2, '\0', &tm.tm_sec) ||
	    !take_fraction(&p, &ns) || !take_offset(&p, &offset) || *p)
		return -EINVAL;
	if (tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	month = tm.tm_mon;
	leap = tm.tm_sec == 60; /* counts as the first of the next minute */
	tm.tm_sec -= leap;
	seconds = (int64_t)timegm(&tm) + leap - offset;
	if (tm.tm_mon != month) /* timegm() moved a day or month that does not exist */
		return -EINVAL;
	if (seconds < 0 || (uint64_t)seconds >= UINT64_MAX / NS_PER_SEC)
		return -ERANGE;
	*ret_ns = (uint64_t)seconds * NS_PER_SEC + ns;
	return 0;
}

int time_parse_duration(const char *text, uint64_t *ret_ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{"ms", NS_PER_MS},        {"s", NS_PER_SEC},         {"m", 60 * NS_PER_SEC},
		{"h", 3600 * NS_PER_SEC}, {"d", 86400 * NS_PER_SEC},
	};
	const char *p = text;
	uint64_t v = 0;
	bool fits = true;

	for (; isdigit((unsigned char)*p); p++)
		fits = !__builtin_mul_overflow(v, 10, &v) &&
		       !__builtin_add_overflow(v, (uint64_t)(*p - '0'), &v) && fits;
	for (size_t i = 0; p > text && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(p, units[i].name) != 0)
			continue;
		if (!fits || __builtin_mul_overflow(v, units[i].ns, &v))
			return -ERANGE;
		*ret_ns = v;
		return 0;
	}
	return -EINVAL;
}
