#!/usr/bin/env bash
# Microsoft.Azure.DurableTask.AzureStorage 2.11.2, the storage of Durable Functions (.NET SDK 10), against Azurite 3.35.0.
# Expected: an instance that was terminated and purged leaves nothing: what its activity returns afterwards is thrown away, and a
# later purge removes whatever there may be.
# Seen: a large result (here 100 KB) is put into a blob of "…-largemessages" before anyone looks whether the instance is still
# there. The message is dropped, the blob stays. A second purge finds no instance and removes nothing, nor does a purge of all
# instances by time: data of a patient in a result, or in an event to an instance that is gone, outlives every purge.
# Takes some three minutes.
set -euo pipefail
work=$(mktemp -d)
azurite=
trap '[ -z "$azurite" ] || kill "$azurite"; rm -rf "$work"' EXIT
cd "$work"
export NUGET_PACKAGES="$work/packages" DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
npm init -y >/dev/null
npm install --silent --no-audit --no-fund azurite@3.35.0 >/dev/null

cat >probe.csproj <<'PROJECT'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <Nullable>enable</Nullable>
    <EnableDefaultItems>false</EnableDefaultItems>
  </PropertyGroup>
  <ItemGroup>
    <Compile Include="Program.cs" />
    <PackageReference Include="Microsoft.Azure.DurableTask.AzureStorage" Version="[2.11.2]" />
  </ItemGroup>
</Project>
PROJECT

cat >Program.cs <<'PROBE'
using System.IO.Compression;
using Azure.Storage.Blobs;
using Azure.Storage.Queues;
using DurableTask.AzureStorage;
using DurableTask.Core;

// The emulator's published account.
var connection = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    + "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    + $"BlobEndpoint=http://127.0.0.1:{args[0]}/devstoreaccount1;QueueEndpoint=http://127.0.0.1:{args[1]}/devstoreaccount1;"
    + $"TableEndpoint=http://127.0.0.1:{args[2]}/devstoreaccount1";
var service = new AzureStorageOrchestrationService(new AzureStorageOrchestrationServiceSettings
{
    TaskHubName = "hub", PartitionCount = 1, StorageAccountClientProvider = new StorageAccountClientProvider(connection),
});
await service.CreateIfNotExistsAsync();
var worker = new TaskHubWorker(service);
worker.AddTaskOrchestrations(typeof(Export)).AddTaskActivities(typeof(ReadPatients));
await worker.StartAsync();
var client = new TaskHubClient(service);
var blobs = new BlobContainerClient(connection, "hub-largemessages");

async Task Show(string when)
{
    var names = new List<string>();
    var patients = 0;
    if (await blobs.ExistsAsync())
        await foreach (var blob in blobs.GetBlobsAsync())
        {
            names.Add(blob.Name.Split('-').Last());
            using var text = new StreamReader(new GZipStream(await blobs.GetBlobClient(blob.Name).OpenReadAsync(), CompressionMode.Decompress));
            patients += text.ReadToEnd().Split("Muster").Length - 1;
        }
    Console.WriteLine($"{when}: blobs: {(names.Count > 0 ? string.Join(", ", names) : "none")}; the name of a patient {patients} times");
}

var instance = await client.CreateOrchestrationInstanceAsync(typeof(Export), "export-1", "");
await ReadPatients.Started.Task;
await client.TerminateInstanceAsync(instance);
var state = await client.WaitForOrchestrationAsync(instance, TimeSpan.FromSeconds(60));
await service.PurgeInstanceHistoryAsync("export-1");
await Show($"{state.OrchestrationStatus} and purged");

ReadPatients.MayReturn.SetResult();
for (var sent = false; !sent; await Task.Delay(500))
    if (await blobs.ExistsAsync()) await foreach (var _ in blobs.GetBlobsAsync()) sent = true;
var queue = new QueueClient(connection, "hub-control-00");
await Task.Delay(2000);
while ((await queue.GetPropertiesAsync()).Value.ApproximateMessagesCount > 0) await Task.Delay(500);
await Show("the activity returned, its message is dropped");
var again = await service.PurgeInstanceHistoryAsync("export-1");
Console.WriteLine($"purged again: {again.InstancesDeleted} instances");
var states = Enum.GetValues<OrchestrationStatus>();
await ((IOrchestrationServicePurgeClient)service).PurgeInstanceStateAsync(new PurgeInstanceFilter(DateTime.UtcNow.AddDays(-1), DateTime.UtcNow.AddDays(1), states));
await Show("all purged");
Environment.Exit(0);

sealed class Export : TaskOrchestration<string, string>
{
    public override async Task<string> RunTask(OrchestrationContext context, string input) =>
        await context.ScheduleTask<string>(typeof(ReadPatients), "");
}

sealed class ReadPatients : TaskActivity<string, string>
{
    public static readonly TaskCompletionSource Started = new(), MayReturn = new();
    protected override string Execute(TaskContext context, string input)
    {
        Started.TrySetResult();
        MayReturn.Task.Wait();
        return "Muster".PadRight(100_000);
    }
}
PROBE

cat >expected <<'EXPECTED'
Terminated and purged: blobs: none; the name of a patient 0 times
the activity returned, its message is dropped: blobs: TaskCompleted.json.gz; the name of a patient 1 times
purged again: 0 instances
all purged: blobs: TaskCompleted.json.gz; the name of a patient 1 times
EXPECTED

dotnet build -v quiet -o out >build.log 2>&1 || { cat build.log >&2; exit 2; }
ports=$(node -e '
const servers = [0, 1, 2].map(() => require("net").createServer().listen(0, "127.0.0.1"));
setTimeout(() => { console.log(servers.map((s) => s.address().port).join(" ")); servers.forEach((s) => s.close()); }, 100)')
read -r blob queue table <<<"$ports"
node node_modules/azurite/dist/src/azurite.js --blobPort "$blob" --queuePort "$queue" --tablePort "$table" \
  --location data --skipApiVersionCheck --silent >/dev/null 2>&1 &
azurite=$!
for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$table") 2>/dev/null && break || sleep 0.1; done
dotnet out/probe.dll "$blob" "$queue" "$table" | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
