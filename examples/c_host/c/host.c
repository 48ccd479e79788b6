/* Writes a journal with the library, and ends the way it is told to:

       host FILE [catch] WAY

   With "-" as FILE it opens no journal. With "catch" the library catches signals. WAY is return, exit, thread, _exit, abort,
   wait (for a signal) or close. Compiled with -DLIBRARY='"libjournal.so"', the program opens the library, and can close
   it. Otherwise it is linked with the library. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_open;

#ifdef LIBRARY
#include <dlfcn.h>

static void *library;
static int (*journal_open)(const char *);
static int (*journal_write)(const char *);
static int (*journal_catch_signals)(void);

static void *find(const char *name) {
    void *found = dlsym(library, name);
    if (!found)
        abort();
    return found;
}

static void load(void) {
    library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        _exit(100);
    }
    *(void **)&journal_open = find("journal_open");
    *(void **)&journal_write = find("journal_write");
    *(void **)&journal_catch_signals = find("journal_catch_signals");
}

static void unload(void) {
    is_open = 0;
    dlclose(library);
    puts("C: dlclose has returned");
}
#else
#include "journal.h"

static void load(void) {}
static void unload(void) {}
#endif

static void earlier(void) {
    puts("C: earlier atexit function");
}

static void later(void) {
    puts("C: later atexit function");
    if (is_open)
        journal_write("by an atexit function");
}

static void *exit_here(void *unused) {
    (void)unused;
    exit(5);
}

static int leave(const char *way) {
    if (!strcmp(way, "exit"))
        exit(4);
    if (!strcmp(way, "_exit"))
        _exit(6);
    if (!strcmp(way, "abort"))
        abort();
    if (!strcmp(way, "close"))
        unload();
    if (!strcmp(way, "thread")) {
        pthread_t thread;
        pthread_create(&thread, NULL, exit_here, NULL);
        pthread_join(thread, NULL);
    }
    if (!strcmp(way, "wait")) {
        puts("C: waits");
        for (;;)
            pause();
    }
    return 3;
}

int main(int count, char **words) {
    if (count < 3)
        return 2;
    const char *file = words[1];
    setvbuf(stdout, NULL, _IOLBF, 0); /* C and Rust each have a buffer for stdout */

    atexit(earlier);
    load();
    is_open = strcmp(file, "-") != 0;
    if (is_open && (journal_open(file) || journal_write("by main")))
        return 1;
    if (!strcmp(words[2], "catch") && journal_catch_signals())
        return 1;
    atexit(later);

    return leave(words[count - 1]);
}
