/*
 * stored.h
 *	  Models as they are kept in triage.model_versions.
 */
#ifndef TRIAGE_RULEBOOK_STORED_H
#define TRIAGE_RULEBOOK_STORED_H

#include "base/compat.h"
#include "text/model.h"

typedef struct StoredModel
{
	char		 *name;
	int			  version;
	Model		  model;
	ModelScratch *scratch;
} StoredModel;

/*
 * Read one version of a model into the current context; version 0 = the one in
 * use, or else the newest.  Errors: TR003 no such model; XX001 with the
 * reason when the stored value is not sound.
 */
extern StoredModel *stored_model_read(const char *name, int version);

/* The same as the newest snapshot sees it; NULL with the reason when there is none or it is not sound. */
extern StoredModel *stored_model_try(const char *name, int version, const char **wrong);

#endif
