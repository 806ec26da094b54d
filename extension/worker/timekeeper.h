/*
 * timekeeper.h
 *	  The worker that watches deadlines.
 */
#ifndef TRIAGE_WORKER_TIMEKEEPER_H
#define TRIAGE_WORKER_TIMEKEEPER_H

#include "postgres.h"

extern PGDLLEXPORT void triage_timekeeper_main(Datum arg);

#endif
