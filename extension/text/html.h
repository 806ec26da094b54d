/*
 * html.h
 *	  The words of an HTML page, as ticket systems store them.
 *
 * Pure C: no server headers, no global state, no allocation.  Any bytes will
 * do; the output is UTF-8 where the input is.
 */
#ifndef TRIAGE_TEXT_HTML_H
#define TRIAGE_TEXT_HTML_H

#include <stddef.h>

/* Bytes that the words of len bytes of HTML need at most, without terminator. */
#define HTML_TEXT_BOUND(len) (len)

/*
 * Write the words of in[0..len) to out, which holds HTML_TEXT_BOUND(len)
 * bytes and does not overlap the input; returns the length written.
 *
 * Tags and comments go; those of blocks and line breaks leave one line feed,
 * table cells a space.  What script and style elements hold goes with them.
 * Entities become their characters, line feeds of the source spaces.  What is
 * no HTML stays as it is: "a < b", "R&D", a tag or comment that is never
 * closed.  Takes time in proportion to len, whatever the bytes are.
 */
extern size_t html_text(const char *in, size_t len, char *out);

#endif
