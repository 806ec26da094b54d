/*
 * show.h
 *	  A ticket follows its case.
 */
#ifndef TRIAGE_HOSTS_SHOW_H
#define TRIAGE_HOSTS_SHOW_H

#include "hosts/binding.h"

typedef enum Shown
{
	SHOWN_DONE,
	SHOWN_LOCKED, /* somebody else has the ticket: soon again */
	SHOWN_GONE	  /* the host has deleted it */
} Shown;

/*
 * Make the ticket look like its case.  With wait the ticket's row lock is
 * waited for; else SHOWN_LOCKED.  Lock order is ticket, then case, then our
 * row of the ticket.
 */
extern Shown ticket_show(Binding *b, const char *ticket, bool wait);

#endif
