/*
 * quoted.h
 *	  Text as mail carries it: quoted-printable and base64 (RFC 2045, 6.7, 6.8).
 *
 * Pure C: no server headers, no global state, no allocation.
 */
#ifndef TRIAGE_TEXT_QUOTED_H
#define TRIAGE_TEXT_QUOTED_H

#include <stddef.h>

/* Bytes that decoding len bytes needs at most. */
#define QUOTED_BOUND(len) (len)

/*
 * Decode in[0..len) into out, which holds QUOTED_BOUND(len) bytes and may be
 * the input itself; returns the length written.  What is not properly encoded
 * stays as it is: "a = b".
 */
extern size_t quoted_printable_decode(const char *in, size_t len, char *out);

/* The same for base64; bytes that belong to no alphabet are passed over, the first "=" ends it. */
extern size_t base64_decode(const char *in, size_t len, char *out);

/* Make UTF-8 of what may be none, without NUL: each bad byte becomes "?".  In place; the length stays. */
extern void utf8_repair(char *text, size_t len);

#endif
