/*
 * What a program makes of a host that it was given: hostlock_host_normalize and hostlock_host_to_ascii.
 */
#include "support.h"

#include <string.h>

typedef int (*function)(const char *host, char *out, size_t out_len);

static void becomes(function function, const char *host, const char *wanted)
{
    char out[HOSTLOCK_HOST_MAX];
    memset(out, 'x', sizeof(out));
    claim(function(host, out, sizeof(out)) == 0 && strcmp(out, wanted) == 0, "\"%s\" becomes %s", host, wanted);
    size_t exact = strlen(wanted) + 1;
    memset(out, 'x', sizeof(out));
    claim(function(host, out, exact) == 0 && out[exact] == 'x', "  and needs no more room than that");
    memset(out, 'x', sizeof(out));
    claim(function(host, out, exact - 1) == HOSTLOCK_E_ARG && out[0] == 'x', "  nor less: then nothing is written");
}

static void is_none(function function, const char *host, const char *words)
{
    char out[HOSTLOCK_HOST_MAX] = "x";
    int status = function(host, out, sizeof(out));
    claim(status == HOSTLOCK_E_BAD_HOST && out[0] == 'x' && out[1] == '\0', "\"%s\" is no host", host);
    const char *message = hostlock_error_message(hostlock_last_error());
    claim(strstr(message, words) != NULL, "  and the message says %s: %s", words, message);
}

int main(void)
{
    static const function both[] = {hostlock_host_normalize, hostlock_host_to_ascii};
    for (int i = 0; i < 2; i++) {
        char out[HOSTLOCK_HOST_MAX];
        becomes(both[i], "BANK.example.", "bank.example");
        becomes(both[i], "2001:DB8:0::1", "2001:db8::1");
        becomes(both[i], "XN--FA-HIA.example", "xn--fa-hia.example");
        is_none(both[i], "", "is empty");
        is_none(both[i], "bank.example:443", "port");
        is_none(both[i], "[::1]", "brackets");
        claim(both[i]("b\xfc" "cher.example", out, sizeof(out)) == HOSTLOCK_E_ARG, "what is no UTF-8 is refused");
        claim(both[i](NULL, out, sizeof(out)) == HOSTLOCK_E_ARG, "NULL for the host is refused");
        claim(both[i]("bank.example", NULL, sizeof(out)) == HOSTLOCK_E_ARG, "NULL for the room, too");
        claim(both[i]("bank.example", out, 0) == HOSTLOCK_E_ARG, "and no room");
    }
    is_none(hostlock_host_normalize, "fa\xc3\x9f.example", "outside of ASCII");
    claim(strstr(hostlock_error_hint(hostlock_last_error()), "xn--fa-hia.example") != NULL, "the hint has the ASCII form");
    becomes(hostlock_host_to_ascii, "fa\xc3\x9f.example", "xn--fa-hia.example");
    becomes(hostlock_host_to_ascii, "B\xc3\x9c" "CHER.example", "xn--bcher-kva.example");
    /* An ideographic full stop, and a digit of full width: who shows such a host means what it stands for. */
    becomes(hostlock_host_to_ascii, "\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82jp", "xn--r8jz45g.jp");
    becomes(hostlock_host_to_ascii, "\xef\xbc\x91" "27.0.0.1", "127.0.0.1");
    is_none(hostlock_host_to_ascii, "xn--\xc3\xa4.example", "international domain name");
    is_none(hostlock_host_to_ascii, "\xc3\xa4" "b c.example", "");
    return finish();
}
