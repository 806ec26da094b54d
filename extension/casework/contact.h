/*
 * contact.h
 *	  Keyed digests of contacts: by them the reports of one caller are found,
 *	  without a number standing in an index.
 *
 * The key is one random value a database, made when the first contact comes.
 * It is dumped with the data, which hold the contacts themselves.
 */
#ifndef TRIAGE_CASEWORK_CONTACT_H
#define TRIAGE_CASEWORK_CONTACT_H

#include "casework/writer.h"

#define CONTACT_KEY_LEN 16

/*
 * The digest of a contact's normal form (text/contact.h); false when there is
 * nothing to know anybody by, or when the database has no key yet and make is
 * false.  make writes, once in a database's life.
 */
extern bool contact_key(const char *contact, bool make, unsigned char *key);

/* The digest of a device: a sensor's own name counts within its channel. */
extern bool sender_key(const char *channel, const char *sender, bool make, unsigned char *key);

/*
 * Column contact_key of a new row of case_sources: the contact's digest, that
 * of the device for a report of a sensor, else nothing.
 */
extern void row_contact_key(Row *row, const char *contact, const char *channel, const char *device);

#endif
