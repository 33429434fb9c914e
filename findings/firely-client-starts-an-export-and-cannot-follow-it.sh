#!/usr/bin/env bash
# Hl7.Fhir.R4 6.8.0 (Firely), .NET SDK 10: FhirClient with its setting UseAsync, "use the asynchronous request pattern".
# Expected: WholeSystemOperationAsync("export") asks with "Prefer: respond-async", polls the status URL of the 202 as Retry-After
# says, and returns the answer when it is there, or fails. GetAsync of the status URL says that it is not done yet.
# Seen: of the pattern there is the header alone. The call returns null at once, without an error, and the export goes on at the
# server, unseen. The status URL is in LastResult.Location. Asked by GetAsync, "not done yet" (202) is an exception, the manifest
# comes as a Resource without a name, and a file of NDJSON is an exception, too. Poll and download by HttpClient.
set -euo pipefail
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
  </PropertyGroup>
  <ItemGroup><PackageReference Include="Hl7.Fhir.R4" Version="[6.8.0]" /></ItemGroup>
</Project>
PROJECT

cat >Program.cs <<'PROBE'
using System.Net;
using System.Net.Sockets;
using System.Text;
using Hl7.Fhir.Model;
using Hl7.Fhir.Rest;
using Task = System.Threading.Tasks.Task;

var free = new TcpListener(IPAddress.Loopback, 0);
free.Start();
var origin = $"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/";
free.Stop();
var listener = new HttpListener();
listener.Prefixes.Add(origin);
listener.Start();
var requests = new List<string>();
_ = Task.Run(async () =>
{
    while (true)
    {
        var context = await listener.GetContextAsync();
        var (request, response) = (context.Request, context.Response);
        requests.Add($"{request.HttpMethod} {request.RawUrl} Prefer: {request.Headers["Prefer"] ?? "-"}");
        var (status, type, body) = request.RawUrl switch
        {
            "/manifest" => (200, "application/json", """{"transactionTime":"2026-01-01T00:00:00Z","requiresAccessToken":false,"output":[]}"""),
            "/file" => (200, "application/fhir+ndjson", "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n"),
            _ => (202, null, ""),
        };
        (response.StatusCode, response.ContentType) = (status, type);
        if (request.RawUrl == "/$export") response.Headers["Content-Location"] = $"{origin}status";
        if (status == 202) response.Headers["Retry-After"] = "1";
        response.OutputStream.Write(Encoding.UTF8.GetBytes(body));
        response.Close();
    }
});

var client = new FhirClient(origin, new FhirClientSettings { UseAsync = true, PreferredFormat = ResourceFormat.Json });
var started = await client.WholeSystemOperationAsync("export", new Parameters(), useGet: true);
Console.WriteLine($"export: {started?.TypeName ?? "null"}, {client.LastResult!.Status}, at {client.LastResult.Location.Replace(origin, "/")}");
await Task.Delay(5000);
Console.WriteLine($"five seconds later: {string.Join("; ", requests)}");
var reader = new FhirClient(origin, new FhirClientSettings { PreferredFormat = ResourceFormat.Json });
foreach (var path in new[] { "status", "manifest", "file" })
{
    try
    {
        Console.WriteLine($"{path}: {(await reader.GetAsync(origin + path))?.TypeName ?? "null"}");
    }
    catch (FhirOperationException error)
    {
        Console.WriteLine($"{path}: {error.GetType().Name}, {error.Status}");
    }
}
PROBE

cat >expected <<'EXPECTED'
export: null, 202, at /status
five seconds later: GET /$export Prefer: respond-async
status: FhirOperationException, Accepted
manifest: UnnamedResource_$this
file: FhirOperationException, OK
EXPECTED

dotnet build -v quiet -o out >build.log 2>&1 || { cat build.log >&2; exit 2; }
dotnet out/probe.dll | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
