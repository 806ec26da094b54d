/*
 * launcher.h
 *	  Starts and restarts the workers of every database, where the library is preloaded.
 */
#ifndef TRIAGE_WORKER_LAUNCHER_H
#define TRIAGE_WORKER_LAUNCHER_H

/* From _PG_init: registers the launcher when called by the postmaster, does nothing in other processes. */
extern void launcher_register(void);

#endif
