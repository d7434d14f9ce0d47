/* Recorded text in XML and HTML: what it says, and never what it would like to be. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "markup.h"
#include "utf8.h"

static void expect_bytes(struct rn_bytes text, const char *want)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_markup_text(&out, text), RN_OK);
    ck_assert_uint_eq(out.len, strlen(want));
    ck_assert_mem_eq(out.len == 0 ? (const uint8_t *)"" : out.data, want, out.len);
    rn_buffer_free(&out);
}

static void expect(const char *text, const char *want)
{
    expect_bytes(rn_bytes_text(text), want);
}

START_TEST(plain_text_passes_as_it_is)
{
    expect("", "");
    expect("plain\ttext\nin lines", "plain\ttext\nin lines");
    expect("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8c\x8d",
           "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8c\x8d");
    expect("\xef\xbf\xbd \xed\x9f\xbf \xee\x80\x80", "\xef\xbf\xbd \xed\x9f\xbf \xee\x80\x80");
}
END_TEST

START_TEST(nothing_in_it_becomes_markup)
{
    expect("</script><img onerror=\"a('b')\">&amp;",
           "&lt;/script&gt;&lt;img onerror=&quot;a(&#39;b&#39;)&quot;&gt;&amp;amp;");
    expect("]]>", "]]&gt;");
    expect("a\r\nb", "a&#13;\nb");
}
END_TEST

START_TEST(what_xml_forbids_is_replaced)
{
    for (unsigned byte = 0; byte < 0x20; byte++) {
        const uint8_t text[1] = {(uint8_t)byte};
        if (byte == '\t' || byte == '\n' || byte == '\r') {
            continue;
        }
        expect_bytes(rn_bytes_of(text, 1), "\xef\xbf\xbd");
    }
    expect("\xef\xbf\xbe\xef\xbf\xbf", "\xef\xbf\xbd\xef\xbf\xbd");
    expect("\x7f", "\x7f"); /* allowed, if discouraged */
}
END_TEST

START_TEST(bytes_that_are_no_utf8_are_replaced_one_by_one)
{
    expect("a\xff"
           "b",
           "a\xef\xbf\xbd"
           "b");
    expect("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd");
    expect("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* a surrogate */
    expect("\xe0\x9f\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* overlong */
    expect("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    expect("\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"); /* cut at the end */
    expect("\xe2<", "\xef\xbf\xbd&lt;");            /* and a bad start swallows nothing */
}
END_TEST

START_TEST(memory_that_runs_out_is_reported)
{
    struct rn_bytes text = rn_bytes_text("a<b>c");
    for (unsigned long nth = 1;; nth++) {
        struct rn_buffer out = {0};
        rn_memory_fail_from(nth);
        enum rn_status status = rn_markup_text(&out, text);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        rn_buffer_free(&out);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        if (!failed) {
            break;
        }
    }
}
END_TEST

/* Against the definition: encode every code point and read it back; no other bytes may be one. */
START_TEST(every_character_is_read_back)
{
    for (uint32_t point = 0; point < 0x110000; point++) {
        uint8_t text[4];
        size_t want = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        uint32_t rest = point;
        for (size_t i = want; i-- > 1;) {
            text[i] = (uint8_t)(0x80 | (rest & 0x3f));
            rest >>= 6;
        }
        text[0] = (uint8_t)(want == 1 ? rest : (0xf00u >> want & 0xffu) | rest);
        uint32_t got = 0;
        size_t len = rn_utf8_take(rn_bytes_of(text, want), 0, &got);
        bool surrogate = point >= 0xd800 && point < 0xe000;
        if (len != (surrogate ? 0 : want) || (!surrogate && got != point)) {
            ck_abort_msg("U+%04X: %zu bytes, U+%04X", point, len, got);
        }
        for (size_t cut = 1; cut < want; cut++) {
            if (rn_utf8_take(rn_bytes_of(text, cut), 0, &got) != 0) {
                ck_abort_msg("U+%04X cut to %zu bytes", point, cut);
            }
        }
    }
}
END_TEST

START_TEST(a_head_cuts_no_character)
{
    struct rn_bytes text = rn_bytes_text("a\xe2\x82\xac\xf0\x9f\x8c\x8d");
    const size_t want[] = {0, 1, 1, 1, 4, 4, 4, 4, 8, 8};
    for (size_t max = 0; max < sizeof want / sizeof want[0]; max++) {
        ck_assert_uint_eq(rn_utf8_head(text, max).len, want[max]);
    }
    ck_assert_uint_eq(rn_utf8_head(rn_bytes_text("\x80\x80\x80\x80\x80\x80"), 5).len, 5);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/markup");
    RN_CASE(suite, "text", plain_text_passes_as_it_is, nothing_in_it_becomes_markup,
            what_xml_forbids_is_replaced, bytes_that_are_no_utf8_are_replaced_one_by_one,
            memory_that_runs_out_is_reported);
    RN_CASE(suite, "utf8", every_character_is_read_back, a_head_cuts_no_character);
    return suite;
}
