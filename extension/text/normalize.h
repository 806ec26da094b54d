/*
 * normalize.h
 *	  Folding of report text to the one form in which terms are matched.
 *
 * Pure C: no server headers, no global state, no allocation.  Text is UTF-8
 * that the server has already validated; other bytes never make these
 * functions read or write outside the buffers they are given.
 *
 * The folded form: compatibility forms replaced (NFKC), Latin, Greek and
 * Cyrillic letters in lower case (one for one, whatever the language),
 * traditional Han characters simplified where there is just one way, any run
 * of white space or control characters is one space and none stands at either
 * end, invisible characters and variation selectors are gone.  Folding a
 * folded text changes nothing.
 */
#ifndef TRIAGE_TEXT_NORMALIZE_H
#define TRIAGE_TEXT_NORMALIZE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that folding len bytes can need at most, without terminator. */
#define TEXT_FOLD_BOUND(len) (len)

/*
 * Fold in[0..len) into out, which holds TEXT_FOLD_BOUND(len) bytes and does
 * not overlap the input; returns the length written.
 *
 * *needs_nfkc is set, else cleared, when a character was met whose
 * compatibility form this module's own small tables do not hold (anything but
 * ASCII, Han, kana, CJK punctuation, full-width forms and the like).  The
 * caller then lets the server normalise what was written to out (NFKC) and
 * folds the result with text_fold_normalized().
 *
 * It has to be out: there the invisible characters are gone, which keep a
 * letter and its accent apart in the input, and small letters stand, which
 * join with some accents that capitals have no form with.  With the input,
 * folding twice could differ from folding once.  (So it still can for an
 * enclosed or stylised capital before such an accent, as in U+24BF U+030C.)
 */
extern size_t text_fold(const char *in, size_t len, char *out, bool *needs_nfkc);

/* The same for text that is NFKC already (its length counts): never asks. */
extern size_t text_fold_normalized(const char *in, size_t len, char *out);

#endif
