/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/yaml_text.h"

#include <string.h>

#include "base/utf8.h"

/* Two or three bytes in UTF-8, from first to last. */
static const struct refused {
	const char *first, *last;
	const char *what;
} refused[] = {
	{"\xc2\x80", "\xc2\x84", "a control character"},
	{"\xc2\x85", "\xc2\x85", "a line break that editors do not show (U+0085)"},
	{"\xc2\x86", "\xc2\x9f", "a control character"},
	{"\xe2\x80\xa8", "\xe2\x80\xa9", "a line break that editors do not show (U+2028, U+2029)"},
	{"\xe2\x80\xaa", "\xe2\x80\xae", "an invisible mark that turns the direction of text"},
	{"\xe2\x81\xa6", "\xe2\x81\xa9", "an invisible mark that turns the direction of text"},
	{"\xef\xbb\xbf", "\xef\xbb\xbf", "a byte order mark in the middle of the text"},
	{"\xef\xbf\xbe", "\xef\xbf\xbf", "U+FFFE or U+FFFF, which are no characters"},
};

static const char *fault_of_wide(const char *s, size_t len)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (strlen(refused[i].first) == len && memcmp(s, refused[i].first, len) >= 0 &&
		    memcmp(s, refused[i].last, len) <= 0)
			return refused[i].what;
	return NULL;
}

static const char *fault_of_byte(char c)
{
	if (c == '\0')
		return "a NUL byte";
	if (((unsigned char)c < 0x20 && !strchr("\t\n\r", c)) || c == 0x7f)
		return "a control character";
	return NULL;
}

struct place yaml_text_place(const char *text, size_t len, size_t at)
{
	struct place place = {.line = 1, .column = 1};

	for (size_t i = 0; i < at && i < len; i++) {
		if (text[i] == '\n' || (text[i] == '\r' && !(i + 1 < len && text[i + 1] == '\n')))
			place = (struct place){.line = place.line + 1, .column = 1};
		else if (text[i] != '\r' && ((unsigned char)text[i] & 0xc0) != 0x80)
			place.column++;
	}
	return place;
}

/* libyaml compares each %TAG with all before it: a file of nothing else would take an hour. */
static bool is_tag_directive(const char *text, size_t len, size_t at)
{
	return (at == 0 || text[at - 1] == '\n' || text[at - 1] == '\r') && len - at >= 4 &&
	       !memcmp(text + at, "%TAG", 4);
}

int yaml_text_check(const char *text, size_t len, struct diags *diags)
{
	for (size_t i = 0; i < len;) {
		int n = utf8_step(text + i, len - i);
		const char *fault;

		if (n < 0)
			return diag_add(diags, DIAG_ERROR, yaml_text_place(text, len, i),
					"byte 0x%02x is not UTF-8", (unsigned char)text[i]);
		fault = n == 1 ? fault_of_byte(text[i]) : fault_of_wide(text + i, (size_t)n);
		if (fault)
			return diag_add(diags, DIAG_ERROR, yaml_text_place(text, len, i),
					"%s may not stand here%s", fault,
					text[i] ? ": write it as an escape in \"...\"" : "");
		if (is_tag_directive(text, len, i))
			return diag_add(diags, DIAG_ERROR, yaml_text_place(text, len, i),
					"a %%TAG directive has no use here");
		i += (size_t)n;
	}
	return 0;
}
