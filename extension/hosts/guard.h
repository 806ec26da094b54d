/*
 * guard.h
 *	  Work inside a host's transaction that must not harm it.
 */
#ifndef TRIAGE_HOSTS_GUARD_H
#define TRIAGE_HOSTS_GUARD_H

/* What became of guarded work. */
typedef struct Guarding
{
	bool		done;
	bool		passing; /* the same may work later: locks, time, collisions */
	int			sqlerrcode;
	const char *message; /* in the caller's context; NULL when done */
} Guarding;

/*
 * Run work(arg) in a subtransaction, for at most limit_ms (0 = no limit).  An
 * error undoes it and is told, not raised; a cancel by the user and the end
 * of the session pass through.
 */
extern Guarding guard_run(void (*work)(void *), void *arg, int limit_ms);

#endif
