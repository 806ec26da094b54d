/*
 * format_call.h
 *	  Runs a configured payload format, as triage.run_format().
 */
#ifndef TRIAGE_CASEWORK_FORMAT_CALL_H
#define TRIAGE_CASEWORK_FORMAT_CALL_H

/* Did the last one catch its time limit and go on?  Then it is to be set aside. */
extern bool format_ran_away(void);

#endif
