#!/usr/bin/env bash
# Azure.Storage.Blobs 12.30.1 (.NET SDK 10) against Azurite 3.35.0.
# Expected: BlockBlobClient.OpenWriteAsync(overwrite: true) leaves the blob as it was until the stream is closed after all was
# written, since blocks count only when they are committed. If the writer fails in the middle, the old blob is still there, as
# it is with UploadAsync of a stream that fails.
# Seen: opening empties the blob, so that its readers get 200 and no lines while it is written. An exception within the using
# block commits what was written so far: half of the file is in place as if it were whole.
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
    <EnableDefaultItems>false</EnableDefaultItems>
  </PropertyGroup>
  <ItemGroup>
    <Compile Include="Program.cs" />
    <PackageReference Include="Azure.Storage.Blobs" Version="[12.30.1]" />
  </ItemGroup>
</Project>
PROJECT

cat >Program.cs <<'PROBE'
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Specialized;

// The emulator's published key.
const string key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
var service = new BlobServiceClient(
    new Uri($"http://127.0.0.1:{args[0]}/devstoreaccount1"), new StorageSharedKeyCredential("devstoreaccount1", key));
var container = service.GetBlobContainerClient("files");
for (var attempt = 0; attempt < 100; attempt++)
{
    try { await container.CreateIfNotExistsAsync(); break; }
    catch (AggregateException) { await Task.Delay(100); }
    catch (Azure.RequestFailedException) { await Task.Delay(100); }
}
var blob = container.GetBlockBlobClient("Patient.ndjson");
async Task<string> Read() => (await blob.DownloadContentAsync()).Value.Content.ToString().Replace("\n", " ");
Task Reset() => blob.UploadAsync(BinaryData.FromString("old-1\nold-2\n").ToStream());

await Reset();
try
{
    await using var stream = await blob.OpenWriteAsync(overwrite: true);
    Console.WriteLine($"opened for writing: \"{await Read()}\"");
    await stream.WriteAsync(BinaryData.FromString("new-1\n"));
    throw new IOException("the source failed");
}
catch (IOException error) { Console.WriteLine($"{error.Message}: \"{await Read()}\""); }

await Reset();
try { await blob.UploadAsync(new FailingStream("new-1\n")); }
catch (Exception error) when (error is IOException or AggregateException) { }
Console.WriteLine($"UploadAsync of a stream that fails: \"{await Read()}\"");

/// Gives its text, then fails.
sealed class FailingStream(string text) : Stream
{
    bool given;
    public override int Read(byte[] buffer, int offset, int count)
    {
        if (given) throw new IOException("the source failed");
        given = true;
        return System.Text.Encoding.ASCII.GetBytes(text, 0, text.Length, buffer, offset);
    }
    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
    public override void Flush() { }
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
PROBE

cat >expected <<'EXPECTED'
opened for writing: ""
the source failed: "new-1 "
UploadAsync of a stream that fails: "old-1 old-2 "
EXPECTED

dotnet build -v quiet -o out >build.log 2>&1 || { cat build.log >&2; exit 2; }
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
node node_modules/azurite/dist/src/blob/main.js --blobHost 127.0.0.1 --blobPort "$port" --location data --skipApiVersionCheck --silent >/dev/null 2>&1 &
azurite=$!
dotnet out/probe.dll "$port" | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
