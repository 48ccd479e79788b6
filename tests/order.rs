//! Owns the order of declared handlers over real crates: the same in every build of the same source.

use spawn::{End, assert_seen, build, command};

/// What `order_app` prints: the reverse of the order of registration, rule by rule.
const IN_ORDER: &str = "\
25 pending
registered second
registered first
order_app: binary
order_app::service of the binary: stop
order_app: library
order_app::service: stop
order_db: from_the_macro_too
order_db: from the macro, below
order_db: from the macro, above
order_db: third
order_db: second
order_db: first
order_db: three
order_db: two
order_db: one
order_net: root_after_the_modules
order_net: root_before_the_modules
order_net::zeta: handler
order_net::beta: handler
order_net::beta::inner: handler
order_net::alpha: inside_a_function
order_net::alpha: handler
order_net::alpha::positions: right
order_net::alpha::positions: left
order_log: close
";

/// A build of `order_app`: its folder, its flags and its settings.
type Build = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const BUILDS: [Build; 4] = [
    ("order-dev", &[], &[]),
    ("order-release", &["--release"], &[]),
    ("order-one-unit", &["--release"], &[("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")]),
    ("order-many-units", &["--release"], &[("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256")]),
];

#[test]
fn handlers_run_in_the_same_order_in_every_build() {
    for (folder, flags, env) in BUILDS {
        let args = [&["-p", "order_app"], flags].concat();
        let program = build(folder, &args, env).join("order_app");
        assert_seen(&mut command(&program.to_string_lossy(), &[]), IN_ORDER, "", End::Status(0));
    }
}
