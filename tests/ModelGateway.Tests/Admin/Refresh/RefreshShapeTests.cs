using System.Text.Json;
using ModelGateway.Admin.Refresh;
using Xunit;

namespace ModelGateway.Tests.Admin.Refresh;

/// <summary>Bodies as the stores' own documentation shows them, and which repositories each is about.</summary>
public sealed class RefreshShapeTests
{
    private static readonly string[] Repositories =
    [
        "s3://amzn-s3-demo-bucket/models", "s3://amzn-s3-demo-bucket/other", "s3://example-bucket", "gs://example-bucket/models", "gs://other-bucket",
        "azblob://my-storage-account/testcontainer/models", "azblob://my-storage-account/logs", "azblob://devstoreaccount1/testcontainer",
        "mlflow+https://mlflow.example.com", "file:///models", "https://models.example.com/index.json",
    ];

    [Theory]
    [InlineData("S3 2.1, a key as forms are written", """
        {"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-west-2","eventTime":"1970-01-01T00:00:00.000Z","eventName":"ObjectCreated:Put",
        "userIdentity":{"principalId":"AIDAJDPLRKLG7UEXAMPLE"},"requestParameters":{"sourceIPAddress":"127.0.0.1"},
        "responseElements":{"x-amz-request-id":"C3D13FE58DE4C810","x-amz-id-2":"FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/JRWeUWerMUE5JgHvANOjpD"},
        "s3":{"s3SchemaVersion":"1.0","configurationId":"testConfigRule","bucket":{"name":"amzn-s3-demo-bucket","ownerIdentity":{"principalId":"A3NL1KOZZKExample"},
        "arn":"arn:aws:s3:::amzn-s3-demo-bucket"},"object":{"key":"models%2Firis/1/red+flower.onnx","size":1024,"eTag":"d41d8cd98f00b204e9800998ecf8427e","sequencer":"0055AED6DCD90281E5"}}}]}
        """, "s3://amzn-s3-demo-bucket/models")]
    [InlineData("S3, two buckets at once", """
        {"Records":[{"s3":{"bucket":{"name":"amzn-s3-demo-bucket"},"object":{"key":"other/x"}}},{"s3":{"bucket":{"name":"example-bucket"},"object":{"key":"x"}}}]}
        """, "s3://amzn-s3-demo-bucket/other s3://example-bucket")]
    [InlineData("S3, a key outside of every repository", """{"Records":[{"s3":{"bucket":{"name":"amzn-s3-demo-bucket"},"object":{"key":"models-of-others/x"}}}]}""", "")]
    [InlineData("S3, its test", """
        {"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2014-10-13T15:57:02.089Z","Bucket":"amzn-s3-demo-bucket","RequestId":"5582815E1AEA5ADF","HostId":"8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE"}
        """, "s3://amzn-s3-demo-bucket/models s3://amzn-s3-demo-bucket/other")]
    [InlineData("MinIO", """
        {"EventName":"s3:ObjectCreated:Put","Key":"example-bucket/iris/1/model.onnx","Records":[{"eventVersion":"2.0","eventSource":"minio:s3","eventName":"s3:ObjectCreated:Put",
        "s3":{"s3SchemaVersion":"1.0","configurationId":"Config","bucket":{"name":"example-bucket","arn":"arn:aws:s3:::example-bucket"},"object":{"key":"iris%2F1%2Fmodel.onnx","size":3}}}]}
        """, "s3://example-bucket")]
    [InlineData("SNS around S3", """
        {"Type":"Notification","MessageId":"22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324","TopicArn":"arn:aws:sns:us-west-2:123456789012:MyTopic","Subject":"Amazon S3 Notification",
        "Message":"{\"Records\":[{\"eventSource\":\"aws:s3\",\"s3\":{\"bucket\":{\"name\":\"example-bucket\"},\"object\":{\"key\":\"iris/1/model.onnx\"}}}]}",
        "Timestamp":"2012-05-02T00:54:06.655Z","SignatureVersion":"1","Signature":"EXAMPLEw6JRN...","SigningCertURL":"https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
        "UnsubscribeURL":"https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe"}
        """, "s3://example-bucket")]
    [InlineData("EventBridge, a plain key", """
        {"version":"0","id":"17793124-05d4-b198-2fde-7ededc63b103","detail-type":"Object Created","source":"aws.s3","account":"111122223333","time":"2021-11-12T00:00:00Z","region":"ca-central-1",
        "resources":["arn:aws:s3:::amzn-s3-demo-bucket"],"detail":{"version":"0","bucket":{"name":"amzn-s3-demo-bucket"},"object":{"key":"models/a+b/1/model.onnx","size":5,"etag":"b1946ac92492d2347c6235b4d2611184",
        "version-id":"IYV3p45BT0ac8hjHg1houSdS1a.Mro8e","sequencer":"617f08299329d189"},"request-id":"N4N7GDK58NMKJ12R","requester":"123456789012","source-ip-address":"1.2.3.4","reason":"PutObject"}}
        """, "s3://amzn-s3-demo-bucket/models")]
    [InlineData("Event Grid", """
        [{"topic":"/subscriptions/{subscription-id}/resourceGroups/Storage/providers/Microsoft.Storage/storageAccounts/my-storage-account","subject":"/blobServices/default/containers/testcontainer/blobs/models/iris/1/model.onnx",
        "eventType":"Microsoft.Storage.BlobCreated","eventTime":"2017-06-26T18:41:00.9584103Z","id":"831e1650-001e-001b-66ab-eeb76e069631","data":{"api":"PutBlockList","clientRequestId":"6d79dbfb-0e37-4fc4-981f-442c9ca65760",
        "requestId":"831e1650-001e-001b-66ab-eeb76e000000","eTag":"\"0x8D4BCC2E4835CD0\"","contentType":"text/plain","contentLength":524288,"blobType":"BlockBlob",
        "url":"https://my-storage-account.blob.core.windows.net/testcontainer/models/iris/1/model.onnx","sequencer":"00000000000004420000000000028963"},"dataVersion":"","metadataVersion":"1"}]
        """, "azblob://my-storage-account/testcontainer/models")]
    [InlineData("Event Grid, another container and another kind of event", """
        [{"topic":"/subscriptions/x/resourceGroups/Storage/providers/Microsoft.Storage/storageAccounts/my-storage-account","subject":"/blobServices/default/containers/nothing/blobs/x","eventType":"Microsoft.Storage.BlobDeleted","data":{}},
        {"topic":"/subscriptions/x/resourceGroups/r/providers/Microsoft.Storage/storageAccounts/my-storage-account","subject":"/blobServices/default/containers/logs/blobs/x","eventType":"Microsoft.Resources.ResourceWriteSuccess","data":{}}]
        """, "")]
    [InlineData("Event Grid, by the URL alone", """
        [{"eventType":"Microsoft.Storage.BlobCreated","data":{"url":"https://devstoreaccount1.blob.core.windows.net/testcontainer/a%20b/model.onnx"}}]
        """, "azblob://devstoreaccount1/testcontainer")]
    [InlineData("CloudEvents", """
        {"specversion":"1.0","type":"Microsoft.Storage.BlobCreated","source":"/subscriptions/{subscription-id}/resourceGroups/{resource-group}/providers/Microsoft.Storage/storageAccounts/my-storage-account",
        "id":"9aeb0fdf-c01e-0131-0922-9eb54906e209","time":"2019-11-18T15:13:39.4589254Z","subject":"blobServices/default/containers/logs/blobs/new-file",
        "data":{"api":"PutBlockList","url":"https://my-storage-account.blob.core.windows.net/logs/new-file"}}
        """, "azblob://my-storage-account/logs")]
    [InlineData("CloudEvents, a batch", """
        [{"specversion":"1.0","type":"Microsoft.Storage.BlobDeleted","source":"/subscriptions/s/resourceGroups/r/providers/Microsoft.Storage/storageAccounts/devstoreaccount1","subject":"/blobServices/default/containers/testcontainer/blobs/x"}]
        """, "azblob://devstoreaccount1/testcontainer")]
    [InlineData("Pub/Sub", """
        {"message":{"attributes":{"bucketId":"example-bucket","eventTime":"2020-11-12T00:00:00.000000Z","eventType":"OBJECT_FINALIZE","notificationConfig":"projects/_/buckets/example-bucket/notificationConfigs/1",
        "objectGeneration":"1605139200000000","objectId":"models/iris/1/model.onnx","payloadFormat":"JSON_API_V1"},"data":"e30=","messageId":"2070443601311540","message_id":"2070443601311540",
        "publishTime":"2021-02-26T19:13:55.749Z","publish_time":"2021-02-26T19:13:55.749Z"},"subscription":"projects/myproject/subscriptions/mysubscription"}
        """, "gs://example-bucket/models")]
    [InlineData("MLflow", """
        {"entity":"model_version_alias","action":"created","timestamp":"2025-07-31T08:27:32.080217+00:00","data":{"name":"example_model","alias":"champion","version":"1"}}
        """, "mlflow+https://mlflow.example.com")]
    [InlineData("Ours, a location", """{"repository":"s3://amzn-s3-demo-bucket/models"}""", "s3://amzn-s3-demo-bucket/models")]
    [InlineData("Ours, the beginning of locations", """{"repository":"s3://amzn"}""", "s3://amzn-s3-demo-bucket/models s3://amzn-s3-demo-bucket/other")]
    [InlineData("Ours, no such location", """{"repository":"s3://nothing"}""", "")]
    public void Read_KnownShape_ConcernsItsRepositories(string shape, string body, string repositories)
    {
        RefreshWish? wish = Read(body);

        Assert.True(wish is not null, shape);
        Assert.Equal(repositories, string.Join(' ', Repositories.Where(wish.Concerns)));
    }

    [Fact]
    public void Read_EmptyObject_ConcernsAll() => Assert.All(Repositories, repository => Assert.True(Read("{}")!.Concerns(repository)));

    [Theory]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("null")]
    [InlineData("\"s3://bucket\"")]
    [InlineData("[{}]")]
    [InlineData("""{"repository":7}""")]
    [InlineData("""{"something":"else"}""")]
    [InlineData("""{"Records":[]}""")]
    [InlineData("""{"Records":[7,{"s3":null},{"s3":{"bucket":{"name":7},"object":{}}}]}""")]
    [InlineData("""{"Records":[{"eventSource":"aws:ses"}]}""")]
    [InlineData("""{"Type":"Notification"}""")]
    [InlineData("""{"Type":"Notification","Message":"hello"}""")]
    [InlineData("""{"Type":"Notification","Message":"{\"Type\":\"Notification\",\"Message\":\"{}\"}"}""")]
    [InlineData("""{"message":{"data":"e30="}}""")]
    [InlineData("""{"detail":{"bucket":{"name":"b"}}}""")]
    [InlineData("""{"entity":"model_version"}""")]
    public void Read_UnknownShape_IsNone(string body) => Assert.Null(Read(body));

    // For each place in each sample, one that is not what it should be.
    [Fact]
    public void Read_AnyValueReplaced_NeverThrows()
    {
        foreach (string body in typeof(RefreshShapeTests).GetMethod(nameof(Read_KnownShape_ConcernsItsRepositories))!
            .GetCustomAttributes(typeof(InlineDataAttribute), false).Cast<InlineDataAttribute>().Select(data => (string)data.GetData(null!).Single()[1]))
        {
            foreach (int place in Enumerable.Range(0, body.Length).Where(place => body[place] == ':'))
            {
                int end = body.IndexOfAny([',', '}', ']'], place);
                foreach (string other in new[] { "null", "7", "[]", "{}", "\"\"", "\"//%zz\"" })
                {
                    string changed = body[..(place + 1)] + other + body[end..];
                    try
                    {
                        using JsonDocument document = JsonDocument.Parse(changed);
                        RefreshWish? wish = RefreshShape.All.Select(shape => shape.Read(document.RootElement)).FirstOrDefault(read => read is not null);
                        Assert.All(Repositories, repository => wish?.Concerns(repository));
                    }
                    catch (JsonException)
                    {
                        // The change broke the JSON itself.
                    }
                }
            }
        }
    }

    [Fact]
    public void Read_EventGridValidation_HasItsCode() => Assert.Equal("512d38b6-c7b8-40c8-89fe-f46f9e9622b6", Read("""
        [{"id":"2d1781af-3a4c-4d7c-bd0c-e34b19da4e66","topic":"/subscriptions/xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx","subject":"","data":{"validationCode":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6",
        "validationUrl":"https://rp-eastus2.eventgrid.azure.net:553/eventsubscriptions/estest/validate?id=512d38b6"},"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime":"2022-10-28T04:23:35.1981776Z","metadataVersion":"1","dataVersion":"1"}]
        """)!.ValidationCode);

    [Theory]
    [InlineData("https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37", "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37")]
    [InlineData("https://sns.cn-north-1.amazonaws.com.cn/?Token=1", "https://sns.cn-north-1.amazonaws.com.cn/?Token=1")]
    [InlineData("http://sns.us-west-2.amazonaws.com/", null)]
    [InlineData("https://169.254.169.254/latest/meta-data", null)]
    [InlineData("https://sns.us-west-2.amazonaws.com.evil.example/", null)]
    [InlineData("https://sns.us-west-2.amazonaws.com@evil.example/", null)]
    [InlineData("https://my-bucket.s3.amazonaws.com/", null)]
    [InlineData("nonsense", null)]
    public void Read_SnsConfirmation_ShowsTheUrlOfSnsOnly(string url, string? shown)
    {
        RefreshWish wish = Read($$"""
            {"Type":"SubscriptionConfirmation","MessageId":"165545c9-2a5c-472c-8df2-7ff2be2b3b1b","Token":"2336412f37","TopicArn":"arn:aws:sns:us-west-2:123456789012:MyTopic\n",
            "Message":"You have chosen to subscribe to the topic arn:aws:sns:us-west-2:123456789012:MyTopic.","SubscribeURL":"{{url}}","Timestamp":"2012-04-26T20:45:04.751Z","SignatureVersion":"1"}
            """)!;

        Assert.Equal(("arn:aws:sns:us-west-2:123456789012:MyTopic", shown), (wish.Subscription!.Topic, wish.Subscription.Url));
        Assert.DoesNotContain(Repositories, repository => wish.Concerns(repository));
    }

    private static RefreshWish? Read(string body)
    {
        using JsonDocument document = JsonDocument.Parse(body);
        List<RefreshWish> read = [.. RefreshShape.All.Select(shape => shape.Read(document.RootElement)).OfType<RefreshWish>()];
        Assert.InRange(read.Count, 0, 1);
        return read.FirstOrDefault();
    }
}
