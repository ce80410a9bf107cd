using Azure.Core;
using Azure.Core.Pipeline;

namespace ModelGateway.Storage.AzureBlob.Authentication;

/// <summary>
/// Repeats requests for tokens a few times, but none to a metadata service that nothing answers for: this machine has none. The SDK's own
/// policy goes on for 25 seconds there (Azure.Core 1.60), at every try of whoever asks.
/// </summary>
internal sealed class IdentityRetryPolicy() : RetryPolicy(
    BlobConnection.MaxRetries, DelayStrategy.CreateExponentialDelayStrategy(TimeSpan.FromMilliseconds(400), TimeSpan.FromSeconds(5)))
{
    private const string MetadataService = "169.254.169.254";

    protected override bool ShouldRetry(HttpMessage message, Exception? exception) =>
        (message.HasResponse || message.Request.Uri.Host != MetadataService) && base.ShouldRetry(message, exception);

    protected override ValueTask<bool> ShouldRetryAsync(HttpMessage message, Exception? exception) =>
        message.HasResponse || message.Request.Uri.Host != MetadataService ? base.ShouldRetryAsync(message, exception) : ValueTask.FromResult(false);
}
