/*
 * show.h
 *	  A ticket follows its case.
 */
#ifndef TRIAGE_HOSTS_SHOW_H
#define TRIAGE_HOSTS_SHOW_H

#include "casework/writer.h"
#include "hosts/binding.h"
#include "hosts/doc.h"
#include "hosts/ticket.h"

typedef enum Shown
{
	SHOWN_DONE,
	SHOWN_LOCKED, /* somebody else has the ticket: soon again */
	SHOWN_GONE	  /* the host has deleted it */
} Shown;

/*
 * Make the ticket look like its case.  With wait the ticket's row lock is
 * waited for; else SHOWN_LOCKED.  Lock order is ticket, then case, then our
 * row of the ticket.  "more" is said too, NULL = nothing.
 */
extern Shown ticket_show(Binding *b, const char *ticket, const char *more, bool wait);

/* Write a new case into a ticket that nobody else can see yet. */
extern void ticket_show_new(Binding *b, const char *ticket, const HostDoc *d);

/*
 * The same for many tickets that others see.  shown[i] = done; one that
 * somebody has locked is left to the queue.
 */
extern void tickets_show_new(Binding *b, int n, const HostEvent *events, const HostDoc *docs, bool *shown);

/* Does the ticket tell in words what happens to its case? */
extern bool ticket_wants_words(const Binding *b);

/* Our row of a ticket of a new case: shown = it shows its case already. */
extern void put_new_ticket(Writer *w, const Binding *b, const char *ticket, const HostDoc *d, bool shown);

#endif
