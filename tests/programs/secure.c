/* Reports that the process runs with the rights of another user, as the kernel does for a program with the set-user-id bit. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/auxv.h>

unsigned long getauxval(unsigned long kind) {
    unsigned long (*next)(unsigned long) = (unsigned long (*)(unsigned long))dlsym(RTLD_NEXT, "getauxval");
    return kind == AT_SECURE ? 1 : next(kind);
}
