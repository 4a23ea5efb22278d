/*
 * What names_of_clients.c claims of a program's own servers, where <hostlock/openssl.h> made their contexts and the
 * program calls nothing else of hostlock to harden them.
 */
#define REBUILT
#include "names_of_clients.c"
