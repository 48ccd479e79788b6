/* Loads the plug-in that its first argument names, calls the functions that the others name, and leaves it to the last:
   "close" (unload it and go on), "return", "exit" (status 3), or "again" or "many" (load and unload it 20 or 200 times
   more). An argument with a slash is the path of another plug-in, which the rest is about. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *load(const char *path) {
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!plugin) {
        fprintf(stderr, "%s\n", dlerror());
        exit(100);
    }
    return plugin;
}

int main(int count, char **words) {
    setvbuf(stdout, NULL, _IONBF, 0);
    const char *way = words[count - 1];
    void *plugin = load(words[1]);
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
        dlclose(plugin);
        printf("closed\n");
    } else if (!strcmp(way, "again") || !strcmp(way, "many")) {
        int turns = strcmp(way, "many") ? 20 : 200;
        dlclose(plugin);
        for (int turn = 0; turn < turns; turn++)
            dlclose(load(words[1]));
        printf("closed\n");
    } else if (!strcmp(way, "exit")) {
        exit(3);
    }
    return 0;
}
