/*
 * intake.h
 *	  How reports become cases.
 */
#ifndef TRIAGE_CASEWORK_INTAKE_H
#define TRIAGE_CASEWORK_INTAKE_H

extern void intake_init(void);

/*
 * For the one row that the caller inserts next: the digest of the citizen's
 * token (32 bytes that live until then), and whether a person has looked at it.
 */
extern void intake_next(const unsigned char *token_digest, bool confirmed);

#endif
