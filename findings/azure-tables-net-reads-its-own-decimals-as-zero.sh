#!/usr/bin/env bash
# Azure.Data.Tables 12.13.0 (.NET SDK 10) against the table service of Azurite 3.35.0.
# Expected: a property of type decimal of an entity class comes back as it was written; or, as the service has no such type, it
# is an error, as DateOnly, short and uint are.
# Seen: it is written, as a double, and read as 0, or as null where it is decimal?, without an error. Reading an entity, changing
# another property and updating it writes the 0 over the value. Read as TableEntity or into a double, the number is there.
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
    <PackageReference Include="Azure.Data.Tables" Version="[12.13.0]" />
  </ItemGroup>
</Project>
PROJECT

cat >Program.cs <<'PROBE'
using System.Globalization;
using Azure;
using Azure.Data.Tables;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
// The emulator's published key.
const string key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
var table = new TableClient(
    new Uri($"http://127.0.0.1:{args[0]}/devstoreaccount1"), "doses", new TableSharedKeyCredential("devstoreaccount1", key));
for (var attempt = 0; attempt < 100; attempt++)
{
    try { await table.CreateIfNotExistsAsync(); break; }
    catch (AggregateException) { await Task.Delay(100); }
    catch (RequestFailedException) { await Task.Delay(100); }
}
async Task Stored(string when)
{
    var entity = (await table.GetEntityAsync<TableEntity>("p", "1")).Value;
    Console.WriteLine($"{when}, stored: Dose {entity["Dose"]}, Limit {entity["Limit"] ?? "(nothing)"} ({entity["Dose"].GetType().Name})");
}

await table.UpsertEntityAsync(new Prescription { PartitionKey = "p", RowKey = "1", Dose = 2.5m, Limit = 7.5m });
await Stored("written");
var read = (await table.GetEntityAsync<Prescription>("p", "1")).Value;
Console.WriteLine($"read: Dose {read.Dose}, Limit {(object?)read.Limit ?? "null"}");
read.Note = "checked";
await table.UpdateEntityAsync(read, read.ETag, TableUpdateMode.Replace);
await Stored("updated");

sealed class Prescription : ITableEntity
{
    public string PartitionKey { get; set; } = "";
    public string RowKey { get; set; } = "";
    public DateTimeOffset? Timestamp { get; set; }
    public ETag ETag { get; set; }
    public decimal Dose { get; set; }
    public decimal? Limit { get; set; }
    public string? Note { get; set; }
}
PROBE

cat >expected <<'EXPECTED'
written, stored: Dose 2.5, Limit 7.5 (Double)
read: Dose 0, Limit null
updated, stored: Dose 0, Limit (nothing) (Int32)
EXPECTED

dotnet build -v quiet -o out >build.log 2>&1 || { cat build.log >&2; exit 2; }
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
node node_modules/azurite/dist/src/table/main.js --tableHost 127.0.0.1 --tablePort "$port" --location data --skipApiVersionCheck --silent >/dev/null 2>&1 &
azurite=$!
dotnet out/probe.dll "$port" | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
