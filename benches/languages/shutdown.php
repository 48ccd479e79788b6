<?php
// Registers or runs PHP's shutdown functions, and prints the nanoseconds for each.

[, $measure, $count] = $argv;
$tell = function () use (&$start, $count) {
    echo (hrtime(true) - $start) / $count, "\n";
};

$start = hrtime(true);
for ($at = 0; $at < $count; $at++) {
    register_shutdown_function(fn() => $at);
}
if ($measure === "register") {
    $tell();
} elseif ($measure === "run") {
    register_shutdown_function($tell); // they run first in, first out
    $start = hrtime(true);
}
