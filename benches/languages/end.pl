# Registers or runs END blocks of Perl, and prints the nanoseconds that each took. A block that is not known when the program is
# compiled takes a string eval.

use strict;
use warnings;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my ($measure, $count) = @ARGV;
our $ran = 0;
my $start;
sub tell_elapsed { printf "%f\n", (clock_gettime(CLOCK_MONOTONIC) - $start) * 1e9 / $count }

# The first to be registered is the last to run.
END { tell_elapsed() if $measure eq "run" }

$start = clock_gettime(CLOCK_MONOTONIC);
eval 'END { $ran++ } 1' or die for 1 .. $count;
tell_elapsed() if $measure eq "register";
$start = clock_gettime(CLOCK_MONOTONIC);
