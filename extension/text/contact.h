/*
 * contact.h
 *	  The one form of a telephone number, or of another address, in which two
 *	  reports of one person meet.
 *
 * Pure C, no allocation.  Takes folded text (text/normalize.h), so that
 * full-width digits are digits already.
 */
#ifndef TRIAGE_TEXT_CONTACT_H
#define TRIAGE_TEXT_CONTACT_H

#include <stddef.h>

#define MAX_CONTACT 128

/*
 * Write the form into out, which holds MAX_CONTACT bytes; returns its length,
 * 0 = there is nothing to know anybody by.
 *
 * "n" and digits for a telephone number: blanks, dashes, dots and brackets
 * left out, 0086, +86 or 86 taken off where a mobile number (1 and ten digits)
 * or a landline follows, a landline's area code with its 0, an extension (转,
 * ext, x, #) left out.  Other countries' numbers keep their code.  Else "t" and
 * the text without blanks, such as an e-mail address or a chat name; of a
 * longer text the first bytes.
 */
extern size_t contact_form(const char *folded, size_t len, char *out);

#endif
