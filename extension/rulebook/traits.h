/*
 * traits.h
 *	  What a classifier knows a text by: its n-grams and the terms of the
 *	  rulebook that stand in it.
 */
#ifndef TRIAGE_RULEBOOK_TRAITS_H
#define TRIAGE_RULEBOOK_TRAITS_H

#include "rulebook/book.h"
#include "text/model.h"

/*
 * Features of a folded text whose nhits terms are in book->hits; out holds
 * MODEL_MAX_FEATURES.  Returns how many there are.
 */
extern uint32 traits_of(Book *book, const char *folded, size_t len, uint32 nhits, Feature *out);

#endif
