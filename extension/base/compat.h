/*
 * compat.h
 *	  Every test of the server's version stands here, with its reason.
 */
#ifndef TRIAGE_BASE_COMPAT_H
#define TRIAGE_BASE_COMPAT_H

#include "executor/executor.h"

#if PG_VERSION_NUM < 150000
#error "pg_triage requires PostgreSQL 15 or later"
#endif

/* 16 lets a caller catch what is no name. */
#if PG_VERSION_NUM >= 160000
#define triage_qualified_name(text) stringToQualifiedNameList((text), NULL)
#else
#define triage_qualified_name(text) stringToQualifiedNameList(text)
#endif

/* 17 replaced backendId/BackendIdGetProc numbering and moved custom wait events to names. */
#if PG_VERSION_NUM >= 170000
#include "utils/wait_event.h"
#define triage_wait_event(name) WaitEventExtensionNew(name)
#else
#include "utils/wait_event.h"
#define triage_wait_event(name) PG_WAIT_EXTENSION
#endif

/* 17 ties wait event sets to a resource owner instead of a memory context. */
#if PG_VERSION_NUM >= 170000
#define triage_create_wait_events(n) CreateWaitEventSet(NULL, (n))
#else
#define triage_create_wait_events(n) CreateWaitEventSet(TopMemoryContext, (n))
#endif

/* 18 asks whether a deferrable primary key will do. */
#if PG_VERSION_NUM >= 180000
#define triage_primary_key_index(rel) RelationGetPrimaryKeyIndex((rel), false)
#else
#define triage_primary_key_index(rel) RelationGetPrimaryKeyIndex(rel)
#endif

/* 18 spells noreturn in front of a declaration, as C11 does. */
#if PG_VERSION_NUM >= 180000
#define triage_noreturn pg_noreturn
#else
#define triage_noreturn pg_attribute_noreturn()
#endif

#endif
