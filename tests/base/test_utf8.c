/* Characters of recorded text: told apart, never cut, and known when they steer. */
#include "main.h"

#include "utf8.h"

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

START_TEST(what_steers_is_known)
{
    static const uint32_t steers[] = {0,      0x09,   0x1b,   0x1f,   0x7f,   0x80,   0x9f,  0x61c,
                                      0x200e, 0x200f, 0x2028, 0x202a, 0x202e, 0x2066, 0x2069};
    static const uint32_t shown[] = {0x20,   0x7e,   0xa0,   0x61b,  0x61d,  0x200d,
                                     0x2010, 0x2027, 0x202f, 0x2065, 0x206a, 0x1f30d};
    for (size_t i = 0; i < sizeof steers / sizeof steers[0]; i++) {
        ck_assert_msg(rn_utf8_steers(steers[i]), "U+%04X", steers[i]);
    }
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        ck_assert_msg(!rn_utf8_steers(shown[i]), "U+%04X", shown[i]);
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("base/utf8");
    RN_CASE(suite, "utf8", every_character_is_read_back, a_head_cuts_no_character,
            what_steers_is_known);
    return suite;
}
