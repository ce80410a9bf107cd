namespace ModelGateway.Serving.Diagnostics;

/// <summary>The ids of the core's log events; a number is never used again for something else.</summary>
internal static class EventIds
{
    public const int RuntimeMessage = 1000;
    public const int GraphRejected = 1001;
    public const int GraphNotSaved = 1002;
    public const int FurtherSessionFailed = 1003;
    public const int FurtherSessionMade = 1004;
    public const int RepositoryUnreadable = 1100;
    public const int RepositoryReadable = 1101;
    public const int NamePassedOver = 1102;
    public const int ConfigFaulty = 1103;
    public const int WatcherFailed = 1104;
    public const int JournalUnusable = 1105;
    public const int JournalNotWritten = 1106;
    public const int JournalRecalled = 1107;
    public const int NameConflict = 1108;
    public const int NameConflictOver = 1109;
    public const int VersionReady = 1200;
    public const int VersionFailed = 1201;
    public const int VersionUnloaded = 1202;
    public const int VersionDraining = 1203;
    public const int VersionRetried = 1204;
    public const int WarmupSkipped = 1205;
    public const int NotCached = 1206;
    public const int RowsNotIndependent = 1207;
    public const int NotBatched = 1210;
    public const int VersionEvicted = 1208;
    public const int MemoryOverBudget = 1209;
    public const int RunFailed = 1300;
    public const int RunRefused = 1301;
    public const int CacheStoreTakenOut = 1410;
    public const int CacheStoreBack = 1411;
}
