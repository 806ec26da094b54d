/*
 * tap.h
 *	  How test programs tell their results: the Test Anything Protocol, on
 *	  standard output.
 */
#ifndef TRIAGE_UNIT_TAP_H
#define TRIAGE_UNIT_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tests_run;
static int tests_failed;

__attribute__((format(printf, 2, 3))) static bool
ok(bool passed, const char *format, ...)
{
	va_list args;

	printf("%sok %d - ", passed ? "" : "not ", ++tests_run);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	tests_failed += !passed;
	return passed;
}

__attribute__((unused)) static void
is_text(const char *got, const char *wanted, const char *name)
{
	if (!ok(strcmp(got, wanted) == 0, "%s", name))
		printf("#      got: %s\n#   wanted: %s\n", got, wanted);
}

__attribute__((unused, noreturn)) static void
bail_out(const char *why)
{
	printf("Bail out! %s\n", why);
	exit(1);
}

/* The plan, behind the tests; returns main()'s exit status. */
static int
tap_end(void)
{
	printf("1..%d\n", tests_run);
	return tests_failed > 0;
}

#endif
