//! Owns the provider that sends spans to a collector, and its shutdown at exit; must not know who makes spans.
//!
//! The address of the collector is in `OTEL_EXPORTER_OTLP_ENDPOINT`.

use std::error::Error;
use std::sync::LazyLock;
use std::time::Duration;

use atexit_core::CloseAtExit;
use opentelemetry::global;
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use tokio::runtime::{Builder, Runtime};

/// It is shut down after all handlers, so their spans are sent too.
static PROVIDER: CloseAtExit<SdkTracerProvider> = CloseAtExit::<SdkTracerProvider>::empty()
    .close_with(shut_down)
    .name("send the spans")
    .time_limit(Duration::from_secs(5));

/// The runtime of the async client. It outlives `main`, and none of its tasks ends the process.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime of one thread")
});

/// A provider, or the reason why there is none.
pub type Made = Result<SdkTracerProvider, Box<dyn Error>>;

/// Makes the global provider, which is shut down at exit.
///
/// # Errors
///
/// Those of `make`.
pub fn start(make: impl FnOnce() -> Made) -> Result<(), Box<dyn Error>> {
    global::set_tracer_provider(PROVIDER.get_or_try_init(make)?.clone());
    Ok(())
}

/// With a blocking client, `shutdown` alone reports no spans that cannot be sent.
fn shut_down(provider: &SdkTracerProvider) -> OTelSdkResult {
    provider.force_flush().and(provider.shutdown())
}

/// A provider with a blocking client: a thread of the SDK sends.
///
/// # Errors
///
/// If there is no such client, or the address is invalid.
pub fn blocking() -> Made {
    let client = reqwest::blocking::Client::builder().build()?;
    let exporter = SpanExporter::builder().with_http().with_http_client(client).build()?;
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).build())
}

/// A provider with an async client: a task on this runtime sends.
///
/// # Errors
///
/// If there is no such client, or the address is invalid.
pub fn on(runtime: &Runtime) -> Made {
    let client = reqwest::Client::builder().build()?;
    let exporter = SpanExporter::builder().with_http().with_http_client(client).build()?;
    let _context = runtime.enter(); // the processor starts its task here
    let processor = BatchSpanProcessor::builder(exporter, Tokio).build();
    Ok(SdkTracerProvider::builder().with_span_processor(processor).build())
}
