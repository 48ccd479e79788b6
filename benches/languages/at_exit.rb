# Registers or runs blocks with Ruby's at_exit, and prints the nanoseconds for each.

measure, count = ARGV[0], ARGV[1].to_i
now = -> { Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond) }
start = 0
tell = -> { puts((now.call - start).fdiv(count)) }

case measure
when "register"
  start = now.call
  count.times { |at| at_exit { at } }
  tell.call
when "run"
  at_exit { tell.call }
  count.times { |at| at_exit { at } }
  start = now.call
end
