/*
 * sign.h
 *	  Signature of a delivery as Standard Webhooks 1.0.0 writes it.  Needs libcrypto only.
 */
#ifndef TRIAGE_NET_SIGN_H
#define TRIAGE_NET_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

/* "v1," + 44 characters of base64 + end, rounded up */
#define NET_SIGNATURE_SIZE 64

/*
 * Write "v1,<base64 of HMAC-SHA256(secret, id.timestamp.body)>" into out.
 * The secret is the raw bytes, not the "whsec_..." text.  false: the secret is
 * empty, out is too small, or libcrypto failed; out is then "" if it has room.
 */
extern bool net_sign(const unsigned char *secret, size_t secret_len, const char *id, int64_t timestamp,
					 const char *body, size_t body_len, char *out, size_t out_size);

#pragma GCC visibility pop

#endif
