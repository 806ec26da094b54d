/*
 * url.c
 *	  Which addresses may be called: the text of a URL, and the networks.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/url.h"

#define URL_MAX_LENGTH	2000
#define HOST_MAX_LENGTH 253 /* of a DNS name in text form */

/* the first 12 bytes of ::ffff:a.b.c.d */
static const unsigned char v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* Do the first `bits` bits agree? */
static bool
same_prefix(const unsigned char *a, const unsigned char *b, int bits)
{
	int bytes = bits / 8;
	int rest = bits % 8;

	if (memcmp(a, b, bytes) != 0)
		return false;
	return rest == 0 || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0;
}

/* Are all bits after the first `bits` zero? */
static bool
rest_is_zero(const unsigned char *address, int bits)
{
	int i;

	for (i = bits; i < 128; i++)
		if (address[i / 8] & (0x80 >> (i % 8)))
			return false;
	return true;
}

/* Read 1 to 3 digits and nothing else; -1 = not that. */
static int
read_prefix(const char *text)
{
	size_t length = strlen(text);

	if (length < 1 || length > 3 || strspn(text, "0123456789") != length)
		return -1;
	return atoi(text);
}

/*
 * Read one "address" or "address/prefix".  Returns NULL or what is wrong with it.
 * Bits to the right of the prefix are refused, as the server's cidr type does:
 * "10.1.2.3/8" is more often a slip of the pen than a wish for 10.0.0.0/8.
 */
static const char *
read_network(char *text, NetNetwork *network)
{
	char *slash = strchr(text, '/');
	int	  longest = 128;
	int	  shift = 0;

	if (slash)
		*slash = '\0';
	memset(network, 0, sizeof(*network));
	if (inet_pton(AF_INET, text, network->address + 12) == 1)
	{
		memcpy(network->address, v4_mapped, sizeof(v4_mapped));
		longest = 32;
		shift = 96;
	}
	else if (inet_pton(AF_INET6, text, network->address) != 1)
		return "is not an address or a network such as 10.0.0.0/8";

	network->prefix = slash ? read_prefix(slash + 1) : longest;
	if (network->prefix < 0 || network->prefix > longest)
		return "has a wrong prefix length";
	network->prefix += shift;
	network->is_v4 = network->prefix >= 96 && memcmp(network->address, v4_mapped, sizeof(v4_mapped)) == 0;
	if (!rest_is_zero(network->address, network->prefix))
		return "has bits to the right of its prefix";
	return NULL;
}

/* Read the item of `length` bytes at `text`, blanks around it allowed. */
static bool
read_item(const char *text, size_t length, NetNetwork *network, char *error, size_t error_size)
{
	char		copy[INET6_ADDRSTRLEN + 8];
	const char *reason = "is not an address or a network such as 10.0.0.0/8";

	while (length > 0 && strchr(" \t\r\n", text[0]))
		text++, length--;
	while (length > 0 && strchr(" \t\r\n", text[length - 1]))
		length--;
	if (length < sizeof(copy))
	{
		memcpy(copy, text, length);
		copy[length] = '\0';
		reason = read_network(copy, network);
		if (reason == NULL)
			return true;
	}
	snprintf(error, error_size, "network \"%.*s\" %s", length > 60 ? 60 : (int) length, text, reason);
	return false;
}

bool
net_allow_parse(const char *text, NetAllow *allow, char *error, size_t error_size)
{
	size_t		items = 1;
	const char *p;

	allow->networks = NULL;
	allow->count = 0;
	if (text[strspn(text, " \t\r\n")] == '\0')
		return true;

	for (p = text; *p; p++)
		items += *p == ',';
	allow->networks = malloc(items * sizeof(NetNetwork));
	if (allow->networks == NULL)
	{
		snprintf(error, error_size, "out of memory");
		return false;
	}
	for (p = text;; p++)
	{
		size_t length = strcspn(p, ",");

		if (!read_item(p, length, &allow->networks[allow->count], error, error_size))
		{
			net_allow_free(allow);
			return false;
		}
		allow->count++;
		p += length;
		if (*p == '\0')
			return true;
	}
}

void
net_allow_free(NetAllow *allow)
{
	free(allow->networks);
	allow->networks = NULL;
	allow->count = 0;
}

bool
net_allow_match(const NetAllow *allow, const struct sockaddr *address, size_t address_len)
{
	unsigned char bytes[16];
	bool		  is_v4;
	size_t		  i;

	/* copied out member by member: the caller's buffer need not be aligned for the larger structs */
	if (address->sa_family == AF_INET && address_len >= sizeof(struct sockaddr_in))
	{
		memcpy(bytes, v4_mapped, sizeof(v4_mapped));
		memcpy(bytes + 12, (const char *) address + offsetof(struct sockaddr_in, sin_addr), 4);
	}
	else if (address->sa_family == AF_INET6 && address_len >= sizeof(struct sockaddr_in6))
		memcpy(bytes, (const char *) address + offsetof(struct sockaddr_in6, sin6_addr), 16);
	else
		return false;

	is_v4 = memcmp(bytes, v4_mapped, sizeof(v4_mapped)) == 0;
	for (i = 0; i < allow->count; i++)
	{
		const NetNetwork *network = &allow->networks[i];

		if (network->is_v4 == is_v4 && same_prefix(bytes, network->address, network->prefix))
			return true;
	}
	return false;
}

/* Length of "http://" or "https://" at the start, 0 = neither. */
static size_t
scheme_length(const char *url)
{
	if (strncasecmp(url, "http://", 7) == 0)
		return 7;
	if (strncasecmp(url, "https://", 8) == 0)
		return 8;
	return 0;
}

size_t
net_url_origin(const char *url)
{
	size_t scheme = scheme_length(url);

	return scheme + strcspn(url + scheme, "/?#");
}

/* ":port" at the end of an authority, or nothing. */
static const char *
check_port(const char *text, size_t length)
{
	long   port = 0;
	size_t i;

	if (length == 0)
		return NULL;
	if (text[0] != ':' || length < 2 || length > 6)
		return "url has a malformed port";
	for (i = 1; i < length; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return "url has a malformed port";
		port = port * 10 + (text[i] - '0');
	}
	return port >= 1 && port <= 65535 ? NULL : "url has a port outside 1 to 65535";
}

/* "host", "host:port", "[ipv6]" or "[ipv6]:port" of the given length. */
static const char *
check_authority(const char *text, size_t length)
{
	static const char host_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
	size_t			  host;

	if (memchr(text, '@', length))
		return "url must not hold a user name or password";
	if (length > 0 && text[0] == '[')
	{
		const char	   *close = memchr(text, ']', length);
		char			address[INET6_ADDRSTRLEN];
		struct in6_addr parsed;

		host = close ? (size_t) (close - text - 1) : 0;
		if (host == 0 || host >= sizeof(address))
			return "url has a malformed IPv6 address";
		memcpy(address, text + 1, host);
		address[host] = '\0';
		if (inet_pton(AF_INET6, address, &parsed) != 1)
			return "url has a malformed IPv6 address";
		host += 2;
	}
	else
	{
		host = strspn(text, host_chars);
		if (host > length)
			host = length;
		if (host < length && text[host] != ':')
			return "url has a host name with characters other than letters, digits, hyphen and dot";
		if (host == 0 || text[0] == '-' || text[0] == '.')
			return "url has no valid host name";
		if (host > HOST_MAX_LENGTH)
			return "url has a host name longer than 253 characters";
	}
	return check_port(text + host, length - host);
}

/*
 * Stricter than RFC 3986: what this function reads and what the HTTP library
 * reads must be the same host, so everything on which parsers are known to
 * differ (backslashes, blanks, control characters, user names, percent signs
 * and other scripts in the host) is refused.
 */
const char *
net_check_url(const char *url)
{
	size_t				 scheme;
	const unsigned char *p;

	if (url == NULL || url[0] == '\0')
		return "url is empty";
	if (strlen(url) > URL_MAX_LENGTH)
		return "url is longer than 2000 characters";
	for (p = (const unsigned char *) url; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || *p == '\\')
			return "url holds a blank, a backslash or a character outside ASCII; write it with percent signs";
	scheme = scheme_length(url);
	if (scheme == 0)
		return "url must begin with http:// or https://";
	return check_authority(url + scheme, net_url_origin(url) - scheme);
}
