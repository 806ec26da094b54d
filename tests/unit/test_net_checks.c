/*
 * test_net_checks.c
 *	  What the HTTP module checks before it speaks to anybody: signatures, urls,
 *	  networks; as TAP.
 *
 *		cc tests/unit/test_net_checks.c extension/net/{http,slot,outcome,sign,sockets,turns,url}.c \
 *			-Iextension -lcurl -lcrypto -o test_net_checks
 */
#include <netdb.h>

#include "net/net.h"
#include "net/url.h"
#include "tap.h"

#define lengthof(array) ((int) (sizeof(array) / sizeof((array)[0])))

static const NetApi *api = &net_http_api;

/* The example that the Standard Webhooks libraries share, and one that libcrypto's command made. */
static void
test_sign(void)
{
	static const unsigned char secret[] = {0x31, 0xf2, 0x90, 0xf6, 0xbf, 0x06, 0x29, 0x8a,
										   0xab, 0x4f, 0x08, 0xd4, 0x3c, 0x3f, 0x08, 0x2c,
										   0xf6, 0x48, 0xa3, 0x62, 0xda, 0x2d, 0xa4, 0xb0};
	const char				  *body = "{\"test\": 2432232314}";
	char					   out[64] = "";
	char					   big[5000];

	ok(api->sign(secret, sizeof(secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, strlen(body), out,
				 sizeof(out)),
	   "signs");
	is_text(out,
			"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "signature of the specification's example");
	memset(big, 'x', sizeof(big));
	api->sign((const unsigned char *) "secret", 6, "msg_1", 1700000000, big, sizeof(big), out, sizeof(out));
	is_text(out, "v1,MirKXIVn1srO/y0XzjVntcoO/A8yXvO4snhtCltPynE=", "signature of a long body");
	ok(!api->sign(secret, 0, "msg", 1, body, 1, out, sizeof(out)) && out[0] == '\0',
	   "no secret, no signature");
	ok(!api->sign(secret, 24, "msg", 1, body, 1, out, 47) && out[0] == '\0', "no room, no signature");
}

static void
test_check_url(void)
{
	static const char *const good[] = {
		"http://example.com",
		"https://example.com/hook?token=a%20b#top",
		"HTTP://EXAMPLE.COM:65535/",
		"http://127.0.0.1:8080/x",
		"http://[::1]/",
		"https://[2001:db8::7]:8443?x",
		"http://xn--fiqs8s.example/a@b",
		"http://my_host.local/:8/",
	};
	static const char *const bad[] = {
		"",
		"example.com",
		"ftp://example.com",
		"file:///etc/passwd",
		"http:/example.com",
		"http://",
		"http:///x",
		"http://:80/",
		"http://user@example.com/",
		"http://user:pass@example.com/",
		"http://a:b@[::1]/",
		"http://example.com:0/",
		"http://example.com:65536/",
		"http://example.com:/",
		"http://example.com:8a/",
		"http://example.com:123456/",
		"http://[::1/",
		"http://[::g]/",
		"http://[fe80::1%25eth0]/",
		"http://[::1]x/",
		"http://exa mple.com/",
		"http://example.com/a b",
		"http://example.com\\@evil.com/",
		"http://example.com/\r\nX: y",
		"http://ex%61mple.com/",
		"http://例子.com/",
		"http://-x.com/",
		"http://.com/",
		" http://example.com/",
	};
	char url[3000];
	int	 i;

	for (i = 0; i < lengthof(good); i++)
		if (!ok(api->check_url(good[i]) == NULL, "good url %s", good[i]))
			printf("#   %s\n", api->check_url(good[i]));
	for (i = 0; i < lengthof(bad); i++)
		ok(api->check_url(bad[i]) != NULL, "bad url number %d", i);
	memset(url, 'a', sizeof(url));
	memcpy(url, "http://", 7);
	url[2001] = '\0';
	ok(api->check_url(url) != NULL, "url too long");
	url[7 + 254] = '\0';
	ok(api->check_url(url) != NULL, "host too long");
	ok(api->check_url(NULL) != NULL, "no url");
}

static bool
matches(const char *networks, const char *address)
{
	struct addrinfo	 hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	NetAllow		 allow;
	char			 error[200];
	bool			 result;

	if (!net_allow_parse(networks, &allow, error, sizeof(error)) ||
		getaddrinfo(address, NULL, &hints, &found) != 0)
		bail_out(networks);
	result = net_allow_match(&allow, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	net_allow_free(&allow);
	return result;
}

static void
test_networks(void)
{
	static const char *const bad[] = {
		"10.0.0.0/33", "10.0.0.0/",		 "10.0.0.0/a",	 "10.0.0.0/-1", "10.0.0.1/8", "10.0.0/8",
		"::1/129",	   "2001:db8::1/32", "10.0.0.0/8,,", ",",			"localhost",  "10.0.0.0/8 127.0.0.1",
		"/8",		   "fe80::1%lo",	 "1.2.3.4/032x",
	};
	NetLimits limits = {.max_connections = 1};
	char	  error[200];
	int		  i;

	for (i = 0; i < lengthof(bad); i++)
	{
		limits.allow = bad[i];
		error[0] = '\0';
		ok(api->open(&limits, error, sizeof(error)) == NULL && error[0], "malformed list: %s", error);
	}
	limits.allow = "";
	limits.max_connections = 0;
	ok(api->open(&limits, error, sizeof(error)) == NULL, "no connections: %s", error);

	ok(matches("10.0.0.0/8", "10.255.0.1") && !matches("10.0.0.0/8", "11.0.0.0"), "10.0.0.0/8");
	ok(matches("10.0.0.128/25", "10.0.0.200") && !matches("10.0.0.128/25", "10.0.0.127"), "10.0.0.128/25");
	ok(matches(" 192.0.2.7 ,\n127.0.0.1", "127.0.0.1") && !matches("192.0.2.7", "192.0.2.8"),
	   "single addresses");
	ok(matches("2001:db8::/33", "2001:db8:7fff::1") && !matches("2001:db8::/33", "2001:db8:8000::1"),
	   "2001:db8::/33");
	ok(matches("0.0.0.0/0", "8.8.8.8") && !matches("0.0.0.0/0", "::1"), "0.0.0.0/0 is IPv4 only");
	ok(matches("::/0", "2001:db8::1") && !matches("::/0", "8.8.8.8"), "::/0 is IPv6 only");
	ok(matches("127.0.0.0/8", "::ffff:127.0.0.1"), "an IPv4-mapped address is its IPv4 address");
	ok(!matches("::/0", "::ffff:127.0.0.1"), "and not an IPv6 address");
	ok(matches("::ffff:10.0.0.0/104", "10.1.2.3"), "a mapped network is an IPv4 network");
	ok(!matches("", "127.0.0.1"), "nothing allows nothing");
}

int
main(void)
{
	ok(api->version == NET_API_VERSION, "version");
	test_sign();
	test_check_url();
	test_networks();
	return tap_end();
}
