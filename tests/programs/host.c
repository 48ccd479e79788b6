/* Loads the plug-in that its first argument names ("-" if none is needed, because it is there already), calls the functions
   that the others name, and ends as the last one says: "return", "exit" (status 0), "exit3", "thread" (exit with status 3
   from another thread), "close" (unload it and go on), "at_exit" (unload it in a C exit function), "again" or "many" (load
   and unload it 20 or 200 more times), or "measure" (do one, then the other, and print how many bytes the latter leaked).
   An argument with a slash is the path of another plug-in, which the following arguments are about. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *plugin;

static void *load(const char *path) {
    void *loaded = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!loaded) {
        fprintf(stderr, "%s\n", dlerror());
        exit(100);
    }
    return loaded;
}

static void load_and_unload(const char *path, int turns) {
    for (int turn = 0; turn < turns; turn++)
        dlclose(load(path));
}

static void unload(void) {
    dlclose(plugin);
    printf("closed\n");
}

static void *exit_here(void *unused) {
    (void)unused;
    exit(3);
}

int main(int count, char **words) {
    setvbuf(stdout, NULL, _IONBF, 0);
    const char *way = words[count - 1];
    plugin = strcmp(words[1], "-") ? load(words[1]) : RTLD_DEFAULT;
    if (!strcmp(way, "at_exit"))
        atexit(unload);
    for (int word = 2; word < count - 1; word++) {
        if (strchr(words[word], '/')) {
            plugin = load(words[word]);
            continue;
        }
        void (*function)(void);
        *(void **)&function = dlsym(plugin, words[word]);
        function();
    }
    printf("host\n");
    if (!strcmp(way, "close")) {
        unload();
    } else if (!strcmp(way, "again") || !strcmp(way, "many")) {
        dlclose(plugin);
        load_and_unload(words[1], strcmp(way, "many") ? 20 : 200);
        printf("closed\n");
    } else if (!strcmp(way, "measure")) {
        dlclose(plugin);
        load_and_unload(words[1], 20);
        size_t before = mallinfo2().uordblks;
        load_and_unload(words[1], 200);
        printf("%zd\n", (ssize_t)(mallinfo2().uordblks - before));
    } else if (!strcmp(way, "exit")) {
        exit(0);
    } else if (!strcmp(way, "exit3")) {
        exit(3);
    } else if (!strcmp(way, "thread")) {
        pthread_t thread;
        pthread_create(&thread, NULL, exit_here, NULL);
        pthread_join(thread, NULL);
    }
    return 0;
}
