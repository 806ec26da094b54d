/*
 * take.h
 *	  A ticket becomes a case, or a further source of one; what is done to it
 *	  becomes verbs.
 */
#ifndef TRIAGE_HOSTS_TAKE_H
#define TRIAGE_HOSTS_TAKE_H

#include "hosts/ticket.h"

/* The case of a ticket, 0 = none; *event_seq = what was shown of it. */
extern int64 ticket_case(const Binding *b, const char *ticket, int *event_seq);

/*
 * Take the ticket in; returns its case, also when it had one before.  fresh =
 * its row is of this transaction, so that nobody else can have taken it in;
 * then, with show, what is known of the case is written into the row at once.
 * *shown = the ticket shows its case.
 */
extern int64 ticket_take_in(Binding *b, const HostEvent *e, bool fresh, bool show, bool *shown);

/*
 * Carry out the verbs of a change on a case.  A verb that fails is recorded
 * in triage.intake_errors and told in e->refused, the next ones are tried all the same.
 */
extern void ticket_follow(const Binding *b, int64 case_id, HostEvent *e);

/* The reference under which its case is reported. */
extern const char *ticket_ref(const Binding *b, const HostEvent *e);

/* While set, act's hook leaves out this ticket: it is shown by whoever set it. */
extern void ticket_busy(Oid relation, const char *ticket);

/* A row of triage.intake_errors, written as owner. */
extern void host_error(const Binding *b, const char *stage, const char *ticket, int64 case_id, int sqlerrcode,
					   const char *message, Jsonb *more);

#endif
