# Registers or runs Perl's END blocks, and prints the nanoseconds for each. To add a block at run time takes a string eval.

use strict;
use warnings;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my ($measure, $count) = @ARGV;
our $ran = 0;
my $start;
sub tell_elapsed { printf "%f\n", (clock_gettime(CLOCK_MONOTONIC) - $start) * 1e9 / $count }

# Registered first, so it runs last.
END { tell_elapsed() if $measure eq "run" }

$start = clock_gettime(CLOCK_MONOTONIC);
eval 'END { $ran++ } 1' or die for 1 .. $count;
tell_elapsed() if $measure eq "register";
$start = clock_gettime(CLOCK_MONOTONIC);
