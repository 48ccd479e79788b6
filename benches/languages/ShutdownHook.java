// Registers, runs or removes Java's shutdown hooks, and prints the nanoseconds for each. Hooks are threads that run at the same time:
// the last one to finish prints.

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

class ShutdownHook {
    static int count;
    static volatile long start;
    static final AtomicInteger left = new AtomicInteger();

    static void tell() {
        System.out.println((double) (System.nanoTime() - start) / count);
    }

    static void done() {
        if (left.decrementAndGet() == 0) {
            tell();
        }
    }

    public static void main(String[] arguments) {
        String measure = arguments[0];
        count = Integer.parseInt(arguments[1]);
        left.set(measure.equals("run") ? count : -1);
        Runtime runtime = Runtime.getRuntime();
        List<Thread> hooks = new ArrayList<>();
        start = System.nanoTime();
        for (int at = 0; at < count; at++) {
            Thread hook = new Thread(ShutdownHook::done);
            runtime.addShutdownHook(hook);
            hooks.add(hook);
        }
        switch (measure) {
            case "register" -> {
                tell();
                runtime.halt(0);
            }
            case "run" -> start = System.nanoTime();
            case "remove" -> {
                Collections.shuffle(hooks);
                start = System.nanoTime();
                hooks.forEach(runtime::removeShutdownHook);
                tell();
            }
        }
    }
}
