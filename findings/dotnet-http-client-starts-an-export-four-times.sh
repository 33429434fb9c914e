#!/usr/bin/env bash
# HttpClient of .NET 10 (SocketsHttpHandler, its default).
# Expected: a request that was sent whole, and whose connection the server then closes without an answer (an instance that is
# replaced, a gateway's limit), fails with HttpRequestException after one attempt; a POST in any case, since it is not
# idempotent.
# Seen: it is sent four times, within a moment and on new connections: GET, DELETE, and also POST without a body. A kick-off
# of a bulk export that the server took up each time has started four exports, and the client knows of none. A POST with a body
# is sent once.
set -euo pipefail
case "$(dotnet --version)" in 10.*) ;; *) echo 'needs the .NET SDK 10' >&2; exit 2 ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export NUGET_PACKAGES="$work/packages" DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

cat >probe.csproj <<'PROJECT'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <Nullable>enable</Nullable>
  </PropertyGroup>
</Project>
PROJECT

cat >Program.cs <<'PROBE'
using System.Net;
using System.Net.Sockets;
using System.Text;

var listener = new TcpListener(IPAddress.Loopback, 0);
listener.Start();
var exports = 0;
_ = Task.Run(async () =>
{
    while (true) _ = Serve(await listener.AcceptTcpClientAsync());
});

/// Reads one request whole, starts an export, and closes the connection before it has answered.
async Task Serve(TcpClient connection)
{
    using var reader = new StreamReader(connection.GetStream(), Encoding.ASCII);
    var length = 0;
    while (await reader.ReadLineAsync() is { Length: > 0 } line)
        if (line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase)) length = int.Parse(line.Split(':')[1]);
    if (length > 0) await reader.ReadBlockAsync(new char[length]);
    Interlocked.Increment(ref exports);
    await Task.Delay(100);
    connection.Client.Shutdown(SocketShutdown.Both);
    connection.Close();
}

var url = $"http://{listener.LocalEndpoint}/fhir/$export";
(string, HttpMethod, HttpContent?)[] kickOffs =
[
    ("GET", HttpMethod.Get, null),
    ("POST without a body", HttpMethod.Post, null),
    ("POST with Parameters", HttpMethod.Post, new StringContent("""{"resourceType":"Parameters"}""")),
];
foreach (var (name, method, content) in kickOffs)
{
    exports = 0;
    using var client = new HttpClient();
    var request = new HttpRequestMessage(method, url) { Content = content };
    request.Headers.Add("Prefer", "respond-async");
    var result = "an answer";
    try { await client.SendAsync(request); }
    catch (HttpRequestException error) { result = error.GetType().Name; }
    Console.WriteLine($"{name}: {result}, exports started: {exports}");
}
PROBE

cat >expected <<'EXPECTED'
GET: HttpRequestException, exports started: 4
POST without a body: HttpRequestException, exports started: 4
POST with Parameters: HttpRequestException, exports started: 1
EXPECTED

dotnet build -v quiet -o out >build.log 2>&1 || { cat build.log >&2; exit 2; }
dotnet out/probe.dll | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
