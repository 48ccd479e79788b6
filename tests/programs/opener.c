/* A library whose constructor opens another one, PATH, and whose destructor may close it (CLOSES). */
#include <dlfcn.h>

static void *opened;

__attribute__((constructor)) static void open_it(void) {
    opened = dlopen(PATH, RTLD_NOW | RTLD_GLOBAL);
}

void opener_close(void) {
    dlclose(opened);
}

#ifdef CLOSES
__attribute__((destructor)) static void close_it(void) {
    dlclose(opened);
}
#endif
