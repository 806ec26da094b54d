/*
 * sign.c
 *	  Signature of a delivery as Standard Webhooks 1.0.0 writes it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "net/sign.h"

#define MAC_SIZE   32 /* SHA-256 */
#define SMALL_SIZE 4096

/*
 * HMAC() wants its message in one piece.  The copy is the price of the
 * one-call interface, which is the same in OpenSSL 1.1.1 and 3.x and not
 * deprecated; the streaming one of both, EVP_DigestSign, takes five times as
 * long in 3.0 (13 against 2.6 microseconds for 230 bytes).
 */
bool
net_sign(const unsigned char *secret, size_t secret_len, const char *id, int64_t timestamp, const char *body,
		 size_t body_len, char *out, size_t out_size)
{
	char		  small[SMALL_SIZE];
	size_t		  size = strlen(id) + 24 + body_len; /* 24: both dots, 20 digits, sign, end */
	char		 *message = size <= SMALL_SIZE ? small : malloc(size);
	unsigned char mac[MAC_SIZE];
	unsigned int  mac_len = 0;
	int			  head_len;

	if (out_size > 0)
		out[0] = '\0';
	if (message && secret_len > 0 && out_size >= NET_SIGNATURE_SIZE)
	{
		head_len = snprintf(message, size, "%s.%" PRId64 ".", id, timestamp);
		if (body_len > 0)
			memcpy(message + head_len, body, body_len);
		if (HMAC(EVP_sha256(), secret, (int) secret_len, (unsigned char *) message, head_len + body_len, mac,
				 &mac_len) &&
			mac_len == MAC_SIZE)
		{
			memcpy(out, "v1,", 3);
			EVP_EncodeBlock((unsigned char *) out + 3, mac, MAC_SIZE);
		}
	}
	if (message != small)
		free(message);
	return mac_len == MAC_SIZE;
}
