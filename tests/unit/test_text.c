/*
 * test_text.c
 *	  Examples and laws of folding and of the matcher (extension/text/), as TAP.
 *
 *		cc tests/unit/test_text.c extension/text/[*].c -Iextension
 *
 * That a text which asks for no NFKC folds as its NFKC form does cannot be
 * tested here, for want of Unicode's tables; it was checked once for every
 * code point and 200,000 random texts against Python's unicodedata.
 */
#include "tap.h"
#include "text_laws.h"

static uint64_t chance_state = 88172645463325252;

static uint32_t
chance(uint32_t below)
{
	chance_state = chance_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t) (((chance_state >> 32) * below) >> 32);
}

/* ---- folding by example ---- */

typedef struct FoldExample
{
	const char *in;
	const char *out;
	bool		asks;
	const char *what;
} FoldExample;

static const FoldExample fold_examples[] = {
	{"", "", false, "nothing"},
	{"Hello, WORLD 42", "hello, world 42", false, "ASCII letters in lower case"},
	{"@[`{AZaz", "@[`{azaz", false, "neighbours of the ASCII letters stay"},
	{"噪音扰民，请处理。", "噪音扰民,请处理。", false, "Han stays, full-width comma becomes ASCII"},
	{"ＡＢｃ１２３！～", "abc123!~", false, "full-width letters, digits, marks"},
	{"a　b\xC2\xA0"
	 "c\xE2\x80\x83"
	 "d\xE2\x80\xAF"
	 "e\xE2\x81\x9F"
	 "f\xE1\x9A\x80g",
	 "a b c d e f g", false, "Unicode spaces"},
	{"  a \t\r\n　 b\x01\x7F  ", "a b", false, "a run of spaces and controls is one space, none at the ends"},
	{"a\xE2\x80\xA8"
	 "b\xE2\x80\xA9"
	 "c\xC2\x85"
	 "d",
	 "a b c d", false, "line and paragraph separators, next line"},
	{" \t　\xC2\xA0", "", false, "only white space"},
	{"\xE2\x80\x8B暂\xE2\x80\x8D住\xEF\xBB\xBF证\xC2\xAD", "暂住证", false,
	 "zero width, BOM, soft hyphen disappear"},
	{"a\xE2\x80\x8E\xE2\x80\xAA\xE2\x81\xA0\xE2\x81\xA6\xE1\xA0\x8E"
	 "b",
	 "ab", false, "marks of direction, word joiner, isolates"},
	{"葛\xF3\xA0\x84\x80城\xEF\xB8\x8F", "葛城", false, "variation selectors"},
	{"a \xE2\x80\x8B b", "a b", false, "spaces around something invisible are one run"},
	{"ÀÖØÞßàÿ×÷", "àöøþßàÿ×÷", false, "Latin-1"},
	{"ĀāĹĺŁłŊŋŸŽžİı", "āāĺĺłłŋŋÿžžiı", false, "Latin Extended-A"},
	{"ΆΈΉΊΌΎΏΑΣΩΪΫάςσ", "άέήίόύώασωϊϋάςσ", false, "Greek; capital sigma has one small form"},
	{"ЀЏАЯаяѐѠѡҊӀӁӂӐԮ", "ѐџаяаяѐѡѡҋӏӂӂӑԯ", false, "Cyrillic"},
	{"“真的”‘吗’—…·《》【】、。", "“真的”‘吗’—...·《》【】、。", false,
	 "punctuation stays, the ellipsis is three dots"},
	{"がパーㇰ", "がパーㇰ", true, "kana; small kana beyond U+30FF are left to NFKC"},
	{"がパー々〆", "がパー々〆", false, "voiced kana in one piece"},
	{"路灯💡坏了😡☎", "路灯💡坏了😡☎", false, "emoji"},
	{"㐀𠀀𪛖", "㐀𠀀𪛖", false, "Han of the extensions"},
	{"樓上漏水沒人處理，請轉環境執法", "楼上漏水没人处理,请转环境执法", false, "traditional characters"},
	{"後面裡頭於麼", "后面里头于么", false, "also those that names use in simplified text"},
	{"著名著作乾坤", "著名著作乾坤", false, "but not those with two simplified forms"},
	{"着火了！！！！！！", "着火了!!!!!!", false, "repeated marks stay, one by one"},
	{"か\xE3\x82\x99", "か\xE3\x82\x99", true, "a loose voiced mark asks"},
	{"E\xCC\x81", "e\xCC\x81", true, "a combining accent asks"},
	{"①楼", "①楼", true, "circled digits ask"},
	{"ﾃﾞﾝﾜ", "ﾃﾞﾝﾜ", true, "half-width katakana ask"},
	{"\xEF\xA4\x80", "\xEF\xA4\x80", true, "a compatibility ideograph asks"},
	{"100㎡ ５℃", "100㎡ 5℃", true, "units ask, the rest is folded all the same"},
	{"〇〡〶", "〇〡〶", true, "circled postal mark asks"},
	{"\xFFＡ\xE5\x99",
	 "\xFF"
	 "a\xE5\x99",
	 false, "bad bytes are copied"},
	{"\xC3\xE2\x80\x8B\x80", "\xC3\xE2\x80\x8B\x80", false, "nothing disappears behind a bad byte"},
	{"\xC1\x81\xE0\x80\xA0\xF4\x90\x80\x80", "\xC1\x81\xE0\x80\xA0\xF4\x90\x80\x80", false,
	 "overlong and too large forms are bad bytes"},
};

static void
test_fold_examples(void)
{
	for (int i = 0; i < lengthof(fold_examples); i++)
	{
		const FoldExample *e = &fold_examples[i];
		size_t			   n;
		bool			   asks;
		char			  *out = fold_lawfully(e->in, strlen(e->in), &n, &asks);
		bool			   good = asks == e->asks && n == strlen(e->out) && memcmp(out, e->out, n) == 0;

		ok(good, "%s", e->what);
		if (!good)
			printf("# got \"%.*s\", asks %d\n", (int) n, out, asks);
		free(out);
	}
}

static int
put_char(uint32_t cp, char *out)
{
	if (cp < 0x10000)
		return utf8_encode(cp, out);
	out[0] = (char) (0xF0 | cp >> 18);
	out[1] = (char) (0x80 | (cp >> 12 & 0x3F));
	out[2] = (char) (0x80 | (cp >> 6 & 0x3F));
	out[3] = (char) (0x80 | (cp & 0x3F));
	return 4;
}

/* Every code point, alone and between two others, folds to the same. */
static void
test_fold_each(void)
{
	int		 quick = 0;
	uint64_t quick_sum = 0;

	for (uint32_t cp = 0; cp <= 0x10FFFF; cp++)
	{
		static const char *const left[] = {"x", "路", "路灯"};
		static const char *const right[] = {"y", "坏了", "了"};
		char					 bytes[32];
		size_t					 len = put_char(cp, bytes);
		size_t					 alone_len;
		bool					 alone_asks;
		char					*alone = fold_lawfully(bytes, len, &alone_len, &alone_asks);
		bool					 space = alone_len == 0;

		if (!alone_asks)
		{
			quick++;
			quick_sum += cp;
		}
		for (int k = 0; k < lengthof(left); k++)
		{
			size_t before = strlen(left[k]);
			size_t after = strlen(right[k]);
			size_t n;
			bool   asks;
			char  *out;

			memcpy(bytes, left[k], before);
			put_char(cp, bytes + before);
			memcpy(bytes + before + len, right[k], after);
			out = fold_lawfully(bytes, before + len + after, &n, &asks);
			LAW(asks == alone_asks);
			/* what disappears alone is a space or nothing between two */
			if (space && n == before + 1 + after)
				LAW(out[before] == ' ');
			else
				LAW(n == before + alone_len + after && memcmp(out + before, alone, alone_len) == 0);
			LAW(memcmp(out, left[k], before) == 0 && memcmp(out + n - after, right[k], after) == 0);
			free(out);
		}
		free(alone);
	}
	ok(true, "each code point folds alone as among others");
	/* the set that was compared with Unicode 14: compare again when this changes */
	ok(quick == 96330 && quick_sum == 11868417010, "the code points that need no NFKC");
}

/* Pieces that meet in reports and at the seams of UTF-8. */
static const char *const pieces[] = {
	"a",
	"B",
	"z",
	"7",
	" ",
	"\t",
	"\n",
	",",
	"中",
	"国",
	"的",
	"龥",
	"樓",
	"\xEF\xA4\x80",
	"，",
	"Ｚ",
	"　",
	"。",
	"\xE2\x80\x8B",
	"\xEF\xBB\xBF",
	"…",
	"À",
	"Ж",
	"Σ",
	"①",
	"😀",
	"𠀀",
	"\xCC\x81",
	"\x80",
	"\xBF",
	"\xC3",
	"\xE4",
	"\xE4\xB8",
	"\xF0\x9F",
	"\xFF",
	"\xEF\xB8\x8F",
	"\xC2\xAD",
};

static size_t
random_text(char *out, int most_pieces)
{
	size_t len = 0;

	for (int n = chance(most_pieces + 1); n > 0; n--)
	{
		const char *piece = pieces[chance(lengthof(pieces))];

		memcpy(out + len, piece, strlen(piece));
		len += strlen(piece);
	}
	return len;
}

static void
test_fold_random(void)
{
	char   bytes[512];
	size_t n;
	bool   asks;

	for (int i = 0; i < 100000; i++)
	{
		size_t len = chance(40);

		for (size_t k = 0; k < len; k++)
			bytes[k] = (char) chance(256);
		free(fold_lawfully(bytes, len, &n, &asks));
	}
	ok(true, "folding is idempotent on random bytes");
	for (int i = 0; i < 200000; i++)
	{
		size_t len = random_text(bytes, 30);

		free(fold_lawfully(bytes, len, &n, &asks));
	}
	ok(true, "folding is idempotent on random pieces");
}

/* ---- matcher by example ---- */

static void *
no_alloc(void *arg, size_t size)
{
	(void) arg;
	(void) size;
	return NULL;
}

/* The hits as "start-end:id" in a list. */
static const char *
hits_of(const char *const *words, int n, const char *text)
{
	static char	 list[1024];
	TermText	 terms[16];
	TermHit		 hits[64];
	void		*memory = NULL;
	TermMatcher *m;
	uint32_t	 found;
	char		*out = list;

	for (int i = 0; i < n; i++)
		terms[i] = (TermText){words[i], (uint32_t) strlen(words[i])};
	find_lawfully(terms, n, text, strlen(text));
	m = terms_build(terms, n, test_alloc, &memory);
	found = terms_find(m, text, strlen(text), hits, lengthof(hits));
	*out = '\0';
	for (uint32_t i = 0; i < found; i++)
		out += sprintf(out, "%s%u-%u:%u", i > 0 ? " " : "", hits[i].start, hits[i].end, hits[i].id);
	free(memory);
	return list;
}

#define HITS(expected, text, what, ...)                           \
	do                                                            \
	{                                                             \
		const char *words[] = {__VA_ARGS__};                      \
		const char *list = hits_of(words, lengthof(words), text); \
		ok(strcmp(list, expected) == 0, what);                    \
		if (strcmp(list, expected) != 0)                          \
			printf("# got %s, not %s\n", list, expected);         \
	} while (0)

static void
test_find_examples(void)
{
	void		*memory = NULL;
	TermMatcher *m = terms_build(NULL, 0, test_alloc, &memory);
	TermText	 term = {"路灯", 6};

	ok(terms_find(m, "路灯坏了", 12, NULL, 0) == 0, "no terms, no hits");
	ok(terms_size(m) < 1024, "a matcher without terms is small");
	free(memory);
	ok(terms_build(&term, 1, no_alloc, NULL) == NULL, "no memory, no matcher");
	m = terms_build(&term, 1, test_alloc, &memory);
	ok(terms_find(m, NULL, 0, NULL, 0) == 0, "empty text");
	free(memory);

	HITS("0-6:1", "路灯", "empty and malformed terms are never found", "", "路灯", "路\xE7\x81", "\xE8");
	HITS("0-6:0 9-15:0", "路灯和路灯", "all occurrences", "路灯");
	HITS("0-12:2 0-9:1 0-6:0 3-9:3", "下水道口", "overlapping, longer first", "下水", "下水道", "下水道口",
		 "水道");
	HITS("3-9:0 3-9:2", "修路灯", "the same term twice", "路灯", "坏了", "路灯");
	HITS("0-6:1 0-3:0 3-6:0", "水水", "one-character terms", "水", "水水");
	HITS("0-1:1 1-4:0 5-9:2", "a水 😀", "one-character terms of each length", "水", "a", "😀");
	HITS("", "education", "no ASCII word inside another", "cat", "education1", "educat", "duc");
	HITS("0-3:0 4-7:0 11-14:0", "cat,cat 中cat", "ASCII words between marks and Han", "cat");
	HITS("1-4:0", "-cat-cats 2cat cat2", "digits belong to words", "cat");
	HITS("0-5:0 1-5:1 1-4:2", "#c++#", "only the ends that are letters or digits need a boundary", "#c++#",
		 "c++#", "c++");
	HITS("0-2:0 2-4:2", "xc++", "a sign at the end of a term needs none", "xc", "c++", "++");
	HITS("0-27:2 0-6:0", "中华人民共和 republic 国", "terms beyond the bytes kept in an entry", "中华",
		 "中华人民共和 repub", "中华人民共和 republic", "中华人民共和 republic 国人");
}

/* ---- matcher at random ---- */

static size_t
random_word(char *out, const char *const *alphabet, int letters, int most)
{
	size_t len = 0;

	for (int n = 1 + chance(most); n > 0; n--)
	{
		const char *letter = alphabet[chance(letters)];

		memcpy(out + len, letter, strlen(letter));
		len += strlen(letter);
	}
	return len;
}

static uint64_t
find_random(const char *const *alphabet, int letters, int cases, int most_terms, int term_letters,
			int text_letters)
{
	uint64_t found = 0;

	for (int i = 0; i < cases; i++)
	{
		static char words[64][64];
		static char text[8192];
		TermText	terms[64];
		int			n = 1 + chance(most_terms);

		for (int k = 0; k < n; k++)
		{
			terms[k].len = (uint32_t) random_word(words[k], alphabet, letters, term_letters);
			terms[k].bytes = words[k];
		}
		found += find_lawfully(terms, n, text, random_word(text, alphabet, letters, text_letters));
	}
	return found;
}

static void
test_find_random(void)
{
	static const char *const han[] = {"中", "国", "人"};
	static const char *const ascii[] = {"a", "b", " ", "7", "-"};
	static const char *const mixed[] = {"中", "a", "à", "😀", " ", "9"};
	static const char *const broken[] = {"中", "国", "a", "\xE4", "\xB8", "\x80", "\xC3", "\xF0\x9F", "é"};
	static const char *const zeros[] = {"a", "-", "中"};

	ok(find_random(han, lengthof(han), 10000, 20, 6, 30) > 10000, "random Han against the oracle");
	ok(find_random(ascii, lengthof(ascii), 10000, 20, 5, 40) > 10000, "random ASCII against the oracle");
	ok(find_random(mixed, lengthof(mixed), 10000, 20, 6, 40) > 10000, "random mixture against the oracle");
	ok(find_random(broken, lengthof(broken), 10000, 10, 5, 40) > 10000, "malformed text and terms");
	ok(find_random(mixed, lengthof(mixed), 300, 60, 5, 1500) > 10000, "texts of many blocks");
	ok(find_random(zeros, 2, 3000, 30, 30, 60) > 10000, "long terms of two letters");
}

/* Malformed text, sound terms: still found wherever their bytes stand. */
static void
test_find_malformed(void)
{
	static const char *const words[] = {"中", "a", "中国", "国a", "aé", "😀中", "ﬀ"};
	TermText				 terms[lengthof(words)];
	char					 text[512];
	uint64_t				 found = 0;

	for (int i = 0; i < lengthof(words); i++)
		terms[i] = (TermText){words[i], (uint32_t) strlen(words[i])};
	for (int i = 0; i < 20000; i++)
		found += find_lawfully(terms, lengthof(words), text, random_text(text, 60));
	ok(found > 10000, "sound terms in malformed text");
}

/* NUL is no folded text, but must not be taken for the end of a term. */
static void
test_find_nul(void)
{
	static const char words[] = "a\0\0a\0中\0\0\0\0";
	TermText		  terms[40];
	uint32_t		  n = 0;
	uint32_t		  found = 0;

	for (uint32_t from = 0; from < 5; from++)
		for (uint32_t len = 1; from + len < sizeof(words) && len < 9; len++)
			if (utf8_is_valid(words + from, len))
				terms[n++] = (TermText){words + from, len};
	for (size_t from = 0; from < sizeof(words); from++)
		for (size_t len = 0; from + len <= sizeof(words); len++)
			found += find_lawfully(terms, n, words + from, len);
	ok(found > 100, "NUL bytes in terms and texts");
}

/* Thousands of terms with one beginning: one bucket, searched and not walked. */
static void
test_find_one_beginning(void)
{
	enum
	{
		N = 4000
	};
	static char		words[N][40];
	static TermText terms[N];
	char			text[2000];
	size_t			len = 0;
	uint64_t		found = 0;

	for (int i = 0; i < N; i++)
	{
		size_t n = 6;

		memcpy(words[i], "厦门", 6);
		for (int k = chance(7); k > 0; k--, n += 3)
			utf8_encode(0x4E00 + chance(i % 2 ? 3 : 300), words[i] + n);
		terms[i] = (TermText){words[i], (uint32_t) n};
	}
	for (int i = 0; i < 40; i++)
	{
		const TermText *t = &terms[chance(N)];

		memcpy(text + len, t->bytes, t->len);
		len += t->len;
	}
	found = find_lawfully(terms, N, text, len);
	ok(found > 1000, "thousands of terms that begin alike");
}

/* The memory promised for a large dictionary. */
static void
test_size(void)
{
	enum
	{
		N = 100000
	};
	char	 *bytes = malloc(N * 6);
	TermText *terms = malloc(N * sizeof(TermText));
	void	 *memory = NULL;

	LAW(bytes != NULL && terms != NULL);
	for (int i = 0; i < N; i++)
	{
		utf8_encode(0x4E00 + i % 20000, bytes + i * 6);
		utf8_encode(0x4E00 + i / 5, bytes + i * 6 + 3);
		terms[i] = (TermText){bytes + i * 6, 6};
	}
	LAW(terms_build(terms, N, test_alloc, &memory) != NULL);
	ok(terms_size(memory) <= 5000000, "100,000 terms take at most 5 MB");
	free(memory);
	free(terms);
	free(bytes);
}

int
main(void)
{
	test_fold_examples();
	test_fold_each();
	test_fold_random();
	test_find_examples();
	test_find_random();
	test_find_malformed();
	test_find_nul();
	test_find_one_beginning();
	test_size();
	return tap_end();
}
