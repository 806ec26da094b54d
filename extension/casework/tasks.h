/*
 * tasks.h
 *	  Tasks: cases without a caller.
 */
#ifndef TRIAGE_CASEWORK_TASKS_H
#define TRIAGE_CASEWORK_TASKS_H

#include "casework/act.h"

/* What is to be done, by whom, until when. */
typedef struct Task
{
	const char *kind; /* of cases.kind */
	const char *link; /* of links.kind: how it belongs to the case it came from */
	Department *department;
	const char *body;
	TimestampTz due_at; /* DT_NOEND = the limit of its type */
} Task;

/* Open a task that belongs to the act's case; returns its case_id.  The case's own event is the caller's. */
extern int64 task_open(Act *act, const Task *task);

/* What is to follow after closing with this outcome (triage.follow_ups) is opened, an event for each. */
extern void tasks_follow_up(Act *act, const char *outcome);

#endif
