/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_BASE_LIBBPF_LOG_H
#define WARDEN_BASE_LIBBPF_LOG_H

/*
 * Sends what libbpf prints to the log, at LOG_DEBUG: refused programs are expected, and what they
 * mean is said by the commands, in one line. To be called before any other function of libbpf.
 */
void libbpf_log_init(void);

/* Logs text of many lines, such as the verifier's, at LOG_DEBUG; takes it to pieces. */
void libbpf_log_text(char *text);

#endif
