using Azure.Core;
using Azure.Core.Pipeline;

namespace ModelGateway.Storage.AzureBlob;

/// <summary>
/// Keeps the SDK from asking again, up to five times and unseen, for the rest of a download that breaks off: whoever fetches resumes it,
/// and bounds it. The SDK repeats what fails with an <see cref="IOException"/> or a timeout; here a body fails with neither.
/// </summary>
internal sealed class UnrepeatedReadPolicy : HttpPipelinePolicy
{
    public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
    {
        ProcessNext(message, pipeline);
        Wrap(message);
    }

    public override async ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
    {
        await ProcessNextAsync(message, pipeline);
        Wrap(message);
    }

    private static void Wrap(HttpMessage message)
    {
        if (!message.BufferResponse && message.Response.ContentStream is { } content)
        {
            message.Response.ContentStream = new UnrepeatedStream(content);
        }
    }

    /// <summary>What a body fails with.</summary>
    internal sealed class BrokenOffException(Exception cause) : Exception(cause.GetBaseException().Message, cause);

    private sealed class UnrepeatedStream(Stream inner) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            try
            {
                return await inner.ReadAsync(buffer, cancellationToken);
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                throw new BrokenOffException(exception);
            }
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count)
        {
            try
            {
                return inner.Read(buffer, offset, count);
            }
            catch (Exception exception)
            {
                throw new BrokenOffException(exception);
            }
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
