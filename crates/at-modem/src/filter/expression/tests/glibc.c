/* Answers from the C library's regcomp(3) and regexec(3), for the tests beside this file.
 *
 * in    flags  length, pattern  count, count x (length, text)       one byte each but the bytes
 * out   0: refused, or 1 and count x (start, end), 0xff 0xff where nothing matches
 *
 * flags: 1 extended, 2 ignore case, 4 newline. Neither pattern nor text has a NUL.
 */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

static int byte(void) {
    int c = getchar_unlocked();
    if (c == EOF) exit(1);
    return c;
}

static void string(char *into) {
    int len = byte();
    for (int i = 0; i < len; i++) into[i] = (char)byte();
    into[len] = 0;
}

int main(void) {
    static char pattern[256], text[256];
    for (int c; (c = getchar_unlocked()) != EOF; ) {
        if (c == 0xff) { fflush(stdout); continue; }
        int flags = (c & 1 ? REG_EXTENDED : 0) | (c & 2 ? REG_ICASE : 0) | (c & 4 ? REG_NEWLINE : 0);
        regex_t regex;
        string(pattern);
        int refused = regcomp(&regex, pattern, flags);
        putchar_unlocked(!refused);
        int count = byte();
        for (int i = 0; i < count; i++) {
            string(text);
            if (refused) continue;
            regmatch_t match[1];
            int none = regexec(&regex, text, 1, match, 0);
            putchar_unlocked(none ? 0xff : (int)match[0].rm_so);
            putchar_unlocked(none ? 0xff : (int)match[0].rm_eo);
        }
        if (!refused) regfree(&regex);
    }
    return 0;
}
