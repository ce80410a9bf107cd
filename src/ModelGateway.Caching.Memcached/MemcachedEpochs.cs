using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.ExceptionServices;
using System.Text;

namespace ModelGateway.Caching.Memcached;

/// <summary>Epochs as items in decimal that never expire. What is no number is as good as not there.</summary>
internal sealed class MemcachedEpochs(MemcachedKeys keys, MemcachedRing ring, IReadOnlyList<MemcachedNode> nodes)
{
    // A second round is rare: somebody else set one between question and answer. A third hardly happens: it was evicted at once.
    private const int MostRounds = 4;

    /// <summary>
    /// What stands in each scope; where nothing stood, one of several callers sets its <paramref name="ifAbsent"/>. Null for what a server holds that does not
    /// answer; throws where none does.
    /// </summary>
    public async Task<long?[]> GetAsync(IReadOnlyList<string> scopes, long ifAbsent, CancellationToken cancellationToken)
    {
        byte[][] names = [.. scopes.Select(keys.OfEpoch)];
        long?[] epochs = new long?[names.Length];
        var failures = new Failures();
        int[] open = [.. Enumerable.Range(0, names.Length)];
        for (int round = 0; open.Length > 0; round++)
        {
            if (round == MostRounds)
            {
                throw new IOException("Memcached does not keep epochs: they are gone as soon as they are set.");
            }

            List<(int Place, ulong? Cas)> absent = await ReadAsync(names, open, epochs, failures, cancellationToken);
            open = await SetAbsentAsync(names, absent, epochs, ifAbsent, failures, cancellationToken);
        }

        failures.ThrowIfAll(epochs);
        return epochs;
    }

    /// <summary>Sets one, whatever was there.</summary>
    public async Task SetAsync(string scope, long epoch, CancellationToken cancellationToken)
    {
        byte[] name = keys.OfEpoch(scope);
        var batch = new MemcachedBatch(ring, nodes);
        await batch.AnswerAsync(batch.To(name).Set(name, Encode(epoch), 0), cancellationToken);
    }

    // Fills in those that are there; the others with the mark of the item that is no epoch, if there is one.
    private async Task<List<(int Place, ulong? Cas)>> ReadAsync(byte[][] names, int[] places, long?[] epochs, Failures failures, CancellationToken cancellationToken)
    {
        var batch = new MemcachedBatch(ring, nodes);
        MemcachedRequest[] requests = [.. places.Select(place => batch.To(names[place]).Get(names[place], withCas: true))];
        await batch.SettleAsync(requests, cancellationToken);
        List<(int Place, ulong? Cas)> absent = [];
        for (int index = 0; index < places.Length; index++)
        {
            if (await failures.AnswerOfAsync(requests[index]) is not { } answer)
            {
                continue;
            }

            using (answer.Value)
            {
                if (answer.Code == AnswerCodes.Missing)
                {
                    absent.Add((places[index], null));
                }
                else if (answer.Value is not null && long.TryParse(answer.Value.Memory.Span, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long epoch))
                {
                    epochs[places[index]] = epoch;
                }
                else
                {
                    absent.Add((places[index], answer.Cas));
                }
            }
        }

        return absent;
    }

    // Gives the places of those that somebody else changed meanwhile.
    private async Task<int[]> SetAbsentAsync(byte[][] names, List<(int Place, ulong? Cas)> absent, long?[] epochs, long epoch, Failures failures, CancellationToken cancellationToken)
    {
        byte[] value = Encode(epoch);
        var batch = new MemcachedBatch(ring, nodes);
        MemcachedRequest[] requests =
        [
            .. absent.Select(item => item.Cas is { } cas
                ? batch.To(names[item.Place]).Replace(names[item.Place], value, 0, cas)
                : batch.To(names[item.Place]).Add(names[item.Place], value, 0)),
        ];
        await batch.SettleAsync(requests, cancellationToken);
        List<int> open = [];
        for (int index = 0; index < requests.Length; index++)
        {
            if (await failures.AnswerOfAsync(requests[index]) is not { } answer)
            {
                continue;
            }

            if (answer.Code == AnswerCodes.Done)
            {
                epochs[absent[index].Place] = epoch;
            }
            else
            {
                open.Add(absent[index].Place);
            }
        }

        return [.. open];
    }

    private static byte[] Encode(long epoch) => Encoding.ASCII.GetBytes(epoch.ToString(CultureInfo.InvariantCulture));

    /// <summary>Of one call: the first of the requests that failed.</summary>
    private sealed class Failures
    {
        private Exception? _first;

        /// <summary>The answer; null where the request failed.</summary>
        [SuppressMessage("Design", "CA1031", Justification = "Whatever a server's connection failed with, the other servers' answers count.")]
        public async ValueTask<MemcachedAnswer?> AnswerOfAsync(MemcachedRequest request)
        {
            try
            {
                return await request.Task;
            }
            catch (Exception exception)
            {
                _first ??= exception;
                return null;
            }
        }

        public void ThrowIfAll(long?[] epochs)
        {
            if (_first is not null && Array.TrueForAll(epochs, static epoch => epoch is null))
            {
                ExceptionDispatchInfo.Throw(_first);
            }
        }
    }
}
