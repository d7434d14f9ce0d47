/* Recorded text in XML and HTML: what it says, and never what it would like to be. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "markup.h"

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
}
END_TEST

/* A report is read in a browser or a terminal: what turns the direction of writing would make it say something else. */
START_TEST(what_steers_is_shown_and_does_not_steer)
{
    expect("a\xe2\x80\xae"
           "b",
           "a\\u202eb");
    expect("\xe2\x81\xa6\xd8\x9c\xe2\x80\xa8", "\\u2066\\u061c\\u2028");
    expect("\x7f\xc2\x9b", "\\u007f\\u009b");
    expect("\xd7\xa9\xd7\x9c", "\xd7\xa9\xd7\x9c"); /* letters written from the right are letters */
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

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/markup");
    RN_CASE(suite, "text", plain_text_passes_as_it_is, nothing_in_it_becomes_markup,
            what_xml_forbids_is_replaced, what_steers_is_shown_and_does_not_steer,
            bytes_that_are_no_utf8_are_replaced_one_by_one, memory_that_runs_out_is_reported);
    return suite;
}
