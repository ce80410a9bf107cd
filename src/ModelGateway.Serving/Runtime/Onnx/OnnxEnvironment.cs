using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Microsoft.ML.OnnxRuntime;
using ModelGateway.Serving.Diagnostics;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// ONNX Runtime's environment: one a process, made before the first session, with one thread pool for all of them and our log.
/// </summary>
/// <remarks>
/// The runtime allows only one environment and keeps the options it was made with, so the first caller decides the number of
/// threads; the log goes to whoever started last, which matters in tests alone, where several hosts live in one process.
/// </remarks>
internal static partial class OnnxEnvironment
{
    private static readonly Lock Gate = new();

    // Kept in a field: native code calls it for as long as the process lives.
    private static readonly DOrtLoggingFunction LogFunction = Write;
    private static volatile ILogger? _logger;
    private static bool _created;

    /// <summary>Makes the environment unless it is there, and takes over its log.</summary>
    /// <param name="threads">Size of the pool that all runs share.</param>
    /// <param name="logger">Where its messages go.</param>
    public static void EnsureCreated(int threads, ILogger logger)
    {
        _logger = logger;
        lock (Gate)
        {
            if (_created)
            {
                return;
            }

            NativeHeap.BoundArenas();
            using var pool = new OrtThreadingOptions
            {
                GlobalIntraOpNumThreads = threads,
                GlobalInterOpNumThreads = 1,

                // Waiting threads that spin burn the cores that other requests need (measured: twice the CPU, same latency).
                GlobalSpinControl = false,
            };
            var options = new EnvironmentCreationOptions
            {
                logId = "modelgateway",
                logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_WARNING,
                threadOptions = pool,
                loggingFunction = LogFunction,
            };
            OrtEnv.CreateInstanceWithOptions(ref options);
            _created = true;
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "Called by native code: an exception would end the process.")]
    private static void Write(IntPtr parameter, OrtLoggingLevel severity, string category, string logId, string codeLocation, string message)
    {
        try
        {
            if (_logger is { } logger)
            {
                LogLevel level = severity switch
                {
                    OrtLoggingLevel.ORT_LOGGING_LEVEL_VERBOSE => LogLevel.Trace,
                    OrtLoggingLevel.ORT_LOGGING_LEVEL_INFO => LogLevel.Debug,
                    OrtLoggingLevel.ORT_LOGGING_LEVEL_WARNING => LogLevel.Information,

                    // Thrown to us as well; a caller's bad input must not fill the log.
                    OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR => LogLevel.Debug,
                    _ => LogLevel.Error,
                };
                Log.RuntimeMessage(logger, level, message);
            }
        }
        catch (Exception)
        {
            // Nothing is left to tell it to.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.RuntimeMessage, Message = "ONNX Runtime: {RuntimeMessage}")]
        public static partial void RuntimeMessage(ILogger logger, LogLevel level, string runtimeMessage);
    }
}
